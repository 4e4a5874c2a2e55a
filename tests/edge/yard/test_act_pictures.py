"""Pictures of an act: the gravest first, each the one that was signed for, and what is wrong is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_runtime.reports.document import Gallery, LongTable, Notice, Picture
from edge_runtime.reports.words import load_words
from edge_runtime.yard.act_content import ActContent
from edge_runtime.yard.act_pictures import MOST_PICTURES, pictures_section, stored_pictures
from tests.edge.yard.act_samples import act, jpeg, picture, rail

WORDS = load_words("en", 5)


def _blocks(content: ActContent, storage: Path, kind: type[Any]) -> list[Any]:
    section = pictures_section(content, WORDS, stored_pictures(storage))
    return [block for block in section.blocks if isinstance(block, kind)]


def _captions(content: ActContent, storage: Path) -> list[str]:
    return [one.caption for gallery in _blocks(content, storage, Gallery) for one in gallery.pictures]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number, 1600, 900))
    return tmp_path


def test_gravest_finding_comes_first_and_is_named(storage: Path) -> None:
    data = (storage / "0.jpg").read_bytes()
    pictures = (
        picture("0.jpg", data, kind="photo", rail="wagon"),
        picture("0.jpg", data, rail="L-1456-01", finding="f1"),
        picture("0.jpg", data, rail="L-1456-01", finding="f3"),
        picture("0.jpg", data, rail="L-1456-01", finding="f2", note="top"),
    )
    content = act(pictures=pictures)
    assert _captions(content, storage) == [
        "L-1456-01 · f2\nweld\n26.3 / 421 · 4.50\u00a0m\ntop",
        "L-1456-01 · f1\nspalling of the head\n11.1-2 / 2222 · 1.37\u00a0m",
        "wagon\nphoto",
    ]
    shown = _blocks(content, storage, Gallery)[0].pictures[0]
    assert max(Image.open(io.BytesIO(shown.data)).size) == 480
    assert len(list(_blocks(content, storage, LongTable)[0].rows)) == 4


def test_changed_missing_and_broken_pictures_are_said(storage: Path) -> None:
    good = (storage / "0.jpg").read_bytes()
    (storage / "text.jpg").write_text("no picture")
    (storage / "half.jpg").write_bytes(good[: len(good) // 2])
    pictures = (
        picture("0.jpg", good, rail="L-1456-01"),
        picture("1.jpg", good),
        picture("gone.jpg", good),
        picture("text.jpg", b"no picture"),
        picture("half.jpg", good[: len(good) // 2]),
        picture("../secret.jpg", good),
        picture(str(storage), good),
    )
    (storage.parent / "secret.jpg").write_bytes(good)
    content = act(pictures=pictures)
    assert len(_captions(content, storage)) == 1
    said = {notice.text: notice.level for notice in _blocks(content, storage, Notice)}
    changed = "Pictures that were changed after the act was drawn up: 1, for instance 1.jpg."
    assert said == {
        f"{changed} They are not shown.": "error",
        "Pictures that are gone from the disk: 3, for instance gone.jpg.": "warning",
        "Pictures that cannot be read: 2, for instance text.jpg.": "warning",
    }


def test_strips_stand_over_the_whole_width(storage: Path) -> None:
    strip = jpeg(9, 4096, 64)
    (storage / "strip.jpg").write_bytes(strip)
    content = act(pictures=(picture("strip.jpg", strip, kind="strip", rail="L-1456-01", note="top"),))
    (shown,) = _blocks(content, storage, Picture)
    assert (shown.width_share, shown.caption) == (1.0, "L-1456-01\nstrip of the rail\ntop")
    assert Image.open(io.BytesIO(shown.data)).width == 2400


def test_no_more_pictures_than_fit_and_all_are_listed(storage: Path) -> None:
    data = (storage / "0.jpg").read_bytes()
    many = tuple(picture("0.jpg", data, rail="L-1456-01", finding="f1") for _ in range(60))
    content = act(pictures=many, rails=(rail(),))
    assert len(_captions(content, storage)) == MOST_PICTURES
    assert len(list(_blocks(content, storage, LongTable)[0].rows)) == 60
