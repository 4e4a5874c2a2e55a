"""The data card: self-contained, escaped, repeatable, with the figures of the data set."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.audit import audit_sets
from datasets.card import write_card
from datasets.card.charts import histogram, strip
from datasets.card.examples import colours_of, whole_pictures
from datasets.errors import DataError
from datasets.versions import version_of
from tests.datasets.small_sets import box, good_samples, picture, sample, write_set


class _Page(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def _card(folder: Path, *, audited: bool = True) -> _Page:
    out = write_card(folder, folder / "card.html", audit_sets([folder]) if audited else None)
    return _Page(out.read_text(encoding="utf-8"))


def test_the_card_says_what_is_in_the_set(tmp_path: Path) -> None:
    samples = [*good_samples(), sample("empty", boxes=(), licence="none stated", source="a yard")]
    write_set(tmp_path, samples, description="drawn clouds", seed=77, settings={"light": "dome"})
    page = _card(tmp_path)
    words = " ".join(page.text.split())
    assert version_of(tmp_path) in words
    assert "drawn clouds" in words
    assert "label train val all defect 4 2 6 dirt 4 2 6 sum 8 4 12" in words
    assert "no box 1 0 1" in words
    assert "seed 77" in words
    assert "settings.light dome" in words
    assert "For evaluation only." in words
    assert "a yard 1 none stated for evaluation only" in words
    assert "passed audit: 0 warnings" in words


def test_the_card_needs_nothing_from_outside(tmp_path: Path) -> None:
    write_set(tmp_path, good_samples())
    page = _card(tmp_path)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object"})
    sources = [
        value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")
    ]
    assert len(sources) == 12 + 4 + 2  # six examples of each label, whole pictures of train and val
    for source in sources:
        assert source is not None
        assert source.startswith("data:image/jpeg;base64,")
        jpeg = base64.b64decode(source.partition(",")[2])
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) is not None
    style = (tmp_path / "card.html").read_text(encoding="utf-8").partition("</style>")[0]
    assert not re.search(r"url\(|@import|https?:", style)


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    samples = [
        one.model_copy(update={"source": bad, "group": bad + one.file, "licence": bad})
        for one in good_samples()
    ]
    write_set(tmp_path, samples, description=bad, note={bad: bad})
    page = _card(tmp_path)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(bad) >= 4


def test_the_same_set_gives_the_same_card(tmp_path: Path) -> None:
    texts = []
    for place in ("a", "b"):
        folder = tmp_path / place / "rail"
        write_set(folder, good_samples())
        report = audit_sets([folder]).moved(str(tmp_path / place), "data")
        texts.append(write_card(folder, folder / "card.html", report).read_bytes())
    assert texts[0] == texts[1]


def test_findings_are_on_the_card_and_broken_pictures_do_not_stop_it(tmp_path: Path) -> None:
    samples = [*good_samples(), *(sample(f"w{n}", boxes=(box(xyxy_px=(0, 0, 300, 50)),)) for n in range(6))]
    write_set(tmp_path, samples)
    (tmp_path / "images" / "t0.png").write_bytes(b"no picture")
    words = " ".join(_card(tmp_path).text.split())
    assert "failed audit: 7 failures" in words
    assert "broken_picture" in words
    assert "And 2 more of this kind." in words
    assert "none: a picture is missing" not in words  # it is there, if broken, and counts by its bytes


def test_a_card_without_audit_says_so_and_an_empty_set_has_none(tmp_path: Path) -> None:
    write_set(tmp_path / "a", good_samples())
    assert "was not audited" in _card(tmp_path / "a", audited=False).text
    write_set(tmp_path / "b", [])
    with pytest.raises(DataError, match="empty"):
        write_card(tmp_path / "b", tmp_path / "b.html")
    assert not (tmp_path / "b.html").exists()


def test_boxes_are_drawn_where_they_lie(tmp_path: Path) -> None:
    shown = sample("t0", boxes=(box("dirt", (50, 40, 150, 120)),))
    data = write_set(tmp_path, [shown], {"t0": picture(1)})
    jpeg = base64.b64decode(whole_pictures(tmp_path, data)["train"][0].uri.partition(",")[2])
    drawn = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.int64)
    assert drawn.shape == (160, 200, 3)
    colour = colours_of(data.labels)["dirt"]
    wanted = np.array([int(colour[n : n + 2], 16) for n in (5, 3, 1)])
    off = np.abs(drawn - wanted).max(axis=2) < 60
    assert off[40, 60:140].mean() > 0.8  # the upper edge
    assert off[60:100, 50].mean() > 0.8  # the left edge
    assert off[60:100, 80:120].mean() < 0.05  # not inside


def test_histogram_counts_every_value_once() -> None:
    chart = histogram("t", "px", {"val": [0.5, 99.0], "train": [1.5, 1.6, 2.5]}, (0, 1, 2, 3))
    assert [(bar.split, bar.text.split(": ")[1]) for bar in chart.bars] == [
        ("train", "2 in train"),
        ("train", "1 in train"),
        ("val", "1 in val"),
        ("val", "1 in val"),  # 99 counts in the last bin
    ]
    heights = {bar.text: bar.height for bar in chart.bars}
    assert heights["1 to 2 px: 2 in train"] == pytest.approx(2 * heights["0 to 1 px: 1 in val"])


def test_strip_shows_each_frame_of_the_longest_sequences() -> None:
    assert strip({}) is None
    chart = strip({f"s{n}": [(k, "train") for k in range(3)] for n in range(20)}, most=4)
    assert chart is not None
    assert len(chart.bars) == 12
    assert "4 longest of 20" in chart.note
