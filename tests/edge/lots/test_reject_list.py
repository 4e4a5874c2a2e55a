"""Rejects: a fair choice of few, all of them for the CSV, pictures that are gone or no pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, ReasonRow
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.models import PictureRow
from edge_runtime.ledger.pictures import Crop, PictureStore
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger, reading, writing
from edge_runtime.lots.reject_list import (
    ChosenPictures,
    RejectRow,
    all_rejects,
    chosen_pictures,
    chosen_rejects,
    count_rejects,
)
from edge_runtime.lots.reject_sections import Rejects, rejects_section
from edge_runtime.reports.document import Gallery, LongTable, Notice, Paragraph, Table
from edge_runtime.reports.words import load_words
from tests.edge.ledger_samples import UTC_NS, epoch, outcome, part, placed
from tests.edge.shifts.shift_samples import drawn_ball
from vision.types import PartId

EVERYTHING = sa.true()


def _bad(seq: int, reason: str, *more: str, view: int = 0, **other: Any) -> list[Entry]:
    reasons = (
        ReasonRow(reason, "", 0.9, 0.4, None, "left", view),
        *(ReasonRow(code) for code in more),
    )
    return [
        part(seq, decision="reject", reasons=reasons, utc_ns=UTC_NS + seq, **other),
        outcome(seq, verdict="reject", reason=reason),
    ]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()


def _fill(engine: sa.Engine, entries: list[Entry], pictures: list[PictureRecord] | None = None) -> None:
    Applier(engine).apply(placed([epoch(), *entries]), pictures=pictures or [])


def _stored(folder: Path, seqs: range | list[int], views: int = 1) -> list[PictureRecord]:
    store = PictureStore(folder, max_mb=100.0)
    found = []
    for seq in seqs:
        for view in range(views):
            crop = Crop(PartId(1, 0, seq), "left", view, "reject", UTC_NS, drawn_ball(10 * seq + view))
            record = store.store(crop)
            assert record is not None
            found.append(record)
    return found


def _chosen(engine: sa.Engine, most: int) -> list[RejectRow]:
    with reading(engine) as connection:
        return chosen_rejects(connection, EVERYTHING, most)


def test_a_rare_reason_is_not_crowded_out(engine: sa.Engine) -> None:
    """Ninety late ones, three cracks, one spall: the rare all stand, the rest are the newest late."""
    entries = [entry for seq in range(1, 91) for entry in _bad(seq, "late")]
    entries += [entry for seq in range(91, 94) for entry in _bad(seq, "crack", "late")]
    entries += _bad(94, "spall")
    _fill(engine, entries)
    rows = _chosen(engine, 10)
    assert [row.reason for row in rows] == ["crack"] * 3 + ["spall"] + ["late"] * 6
    assert [row.part for row in rows[:4]] == ["1-0-93", "1-0-92", "1-0-91", "1-0-94"]
    assert [row.part for row in rows[4:]] == [f"1-0-{seq}" for seq in range(90, 84, -1)]
    assert set(rows[0].codes.split()) == {"crack", "late"}
    assert (rows[0].value, rows[0].limit) == (0.9, 0.4)


def test_only_rejected_production_is_listed(engine: sa.Engine) -> None:
    entries: list[Entry] = [
        part(1), outcome(1),  # accepted
        *_bad(2, "crack"),
        *_bad(3, "crack", challenge="C-5"),  # a challenge ball is no production
        part(4, decision="reject"), outcome(4, verdict="reject", side="bypass", cause="bypass"),
        part(5, decision="reject"),  # still on the belt
        part(6), outcome(6, verdict=None, cause="stop", reason=""),
        part(7, decision=None, null_cause="no_vision", reasons=()), outcome(7, verdict=None),
    ]  # fmt: skip
    _fill(engine, entries)
    with reading(engine) as connection:
        rows = list(all_rejects(connection, EVERYTHING))
        assert count_rejects(connection, EVERYTHING) == 3
    assert [(row.part, row.reason) for row in rows] == [
        ("1-0-2", "crack"),
        ("1-0-6", "stop"),  # the station accepted it, the PLC did not
        ("1-0-7", "no_vision"),
    ]
    assert [row.part for row in _chosen(engine, 10)] == ["1-0-2", "1-0-7", "1-0-6"]


def _pictures(engine: sa.Engine, folder: Path, most: int = 24) -> ChosenPictures:
    with reading(engine) as connection:
        return chosen_pictures(connection, EVERYTHING, folder, most)


def test_pictures_are_spread_over_reasons_and_time(engine: sa.Engine, tmp_path: Path) -> None:
    entries = [entry for seq in range(1, 101) for entry in _bad(seq, "crack" if seq <= 90 else "oval")]
    _fill(engine, entries, _stored(tmp_path, range(1, 101)))
    found = _pictures(engine, tmp_path)
    assert Counter(picture.reason for picture in found.pictures) == {"crack": 14, "oval": 10}
    assert (found.having, found.missing, found.unreadable) == (100, 0, ())
    seqs = [int(item.part.rsplit("-", 1)[1]) for item in found.pictures if item.reason == "crack"]
    steps = [later - earlier for earlier, later in pairwise(seqs)]
    assert set(steps) <= {6, 7}  # evenly over the ninety
    record = tmp_path / "pictures"
    stored = {path.read_bytes() for path in record.rglob("*.jpg")}
    assert all(picture.data in stored for picture in found.pictures)  # as they lie there


def test_picture_of_the_view_that_the_reason_names(engine: sa.Engine, tmp_path: Path) -> None:
    _fill(engine, [*_bad(1, "crack", view=2), *_bad(2, "crack", view=9)], _stored(tmp_path, [1, 2], views=3))
    rows = {row.part: row.picture for row in _chosen(engine, 5)}
    assert str(rows["1-0-1"]).endswith("1-0-1_left_2.jpg")
    assert str(rows["1-0-2"]).endswith("1-0-2_left_0.jpg")  # there is none of view 9: the first


def test_pictures_that_are_gone_are_told_and_others_shown(engine: sa.Engine, tmp_path: Path) -> None:
    records = _stored(tmp_path, range(1, 41))
    _fill(engine, [entry for seq in range(1, 41) for entry in _bad(seq, "crack")], records)
    for record in records[:36]:
        (tmp_path / record.path).unlink()
    found = _pictures(engine, tmp_path, most=4)
    assert {picture.part for picture in found.pictures} <= {f"1-0-{seq}" for seq in range(37, 41)}
    assert found.pictures
    assert found.missing > 0
    (tmp_path / records[36].path).write_bytes(b"\xff\xd8\xff half a picture")
    broken = _pictures(engine, tmp_path, most=40)
    assert broken.unreadable == (records[36].path,)
    assert (len(broken.pictures), broken.missing) == (3, 36)


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/hostname", "pictures/../../secret.jpg"])
def test_no_path_of_the_ledger_leads_out_of_the_storage(engine: sa.Engine, tmp_path: Path, path: str) -> None:
    (tmp_path.parent / "secret.jpg").write_bytes(drawn_ball(1).tobytes())
    _fill(engine, _bad(1, "crack"), _stored(tmp_path, [1]))
    with writing(engine) as connection:
        connection.execute(sa.update(PictureRow).values(path=path))
    found = _pictures(engine, tmp_path)
    assert (found.pictures, found.missing) == ((), 1)


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
def test_section_says_how_many_and_where_the_rest_is(
    engine: sa.Engine, tmp_path: Path, language: str
) -> None:
    records = _stored(tmp_path, range(1, 61))
    _fill(engine, [entry for seq in range(1, 61) for entry in _bad(seq, "crack")], records)
    (tmp_path / records[0].path).unlink()
    words = load_words(language)
    with reading(engine) as connection:
        rejects = Rejects(
            count_rejects(connection, EVERYTHING),
            chosen_rejects(connection, EVERYTHING),
            chosen_pictures(connection, EVERYTHING, tmp_path, 60),
            all_rejects(connection, EVERYTHING),
        )
        blocks = rejects_section(rejects, words).blocks
        kinds = [type(block) for block in blocks]
        assert kinds == [Paragraph, Table, Paragraph, Gallery, Notice, LongTable]
        said = [block.text for block in blocks if isinstance(block, Paragraph | Notice)]
        assert "60" in said[0]
        assert "50" in said[0]
        assert "CSV" in said[0]
        assert "59" in said[1]
        assert "1" in said[2]
        table = next(block for block in blocks if isinstance(block, Table))
        whole = next(block for block in blocks if isinstance(block, LongTable))
        assert len(table.rows) == 50
        assert len(list(whole.rows)) == 60


def test_no_rejects_no_section() -> None:
    section = rejects_section(Rejects(0, [], ChosenPictures((), 0, 0, ()), []), load_words("en"))
    assert section.blocks == ()


def test_rows_are_plain() -> None:
    """What a reason's words do not know stands as its code, and JSON takes a row."""
    row = RejectRow(1, "1-0-1", UTC_NS, None, "new_code", "new_code", None, None, None, "reject", None,
                    None, None, None, None)  # fmt: skip
    section = rejects_section(Rejects(1, [row], ChosenPictures((), 0, 0, ()), [row]), load_words("kk"))
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert "new_code" in json.dumps(table.rows)
