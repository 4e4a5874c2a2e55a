"""Lots: counts, statistics, laboratory and certificates over a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry, PartEntry
from edge_runtime.ledger.lab_models import CertificateRow, HardnessRow, SampleRow
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.lots import lab
from edge_runtime.lots.certificate import (
    Certificate,
    CertificateDetails,
    certificates_of,
    choose_recipe,
    draw_up,
    issue,
    load_details,
    read_certificate,
)
from edge_runtime.lots.data import LotData, all_reasons, list_lots, read_lot, read_recipe
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.lot_text import size_histogram
from edge_runtime.lots.statistics import (
    by_period,
    lot_figures,
    reject_chart,
    size_capability,
    size_statistics,
    trimmed_mean,
    wear_chart,
)
from edge_runtime.lots.tables import acceptance_tables
from edge_runtime.reports.files import ReportError
from tests.edge.ledger_samples import UTC_NS, outcome, part
from tests.edge.lot_samples import LOT, ball, balls, make_ledger, recipe, session
from vision.errors import ConfigError, FerrogateError, LedgerError

VERIFIED = recipe(verified=True)
#: what `part` of the samples says of its recipe
SAMPLE_RECIPE = "a" * 64
DETAILS = CertificateDetails(maker="Plant")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a ledger with one sound lot of 60 balls, six of them cracked."""
    folder = make_ledger(tmp_path_factory.mktemp("lot"), [session(VERIFIED), *balls(VERIFIED)])
    return (folder / "ledger.sqlite").read_bytes()


@pytest.fixture
def engine(tmp_path: Path, filled: bytes) -> Iterator[sa.Engine]:
    (tmp_path / "ledger.sqlite").write_bytes(filled)
    engine = open_ledger(ledger_url(tmp_path))
    yield engine
    engine.dispose()


def _lot(folder: Path, entries: list[Entry]) -> LotData:
    engine = open_ledger(ledger_url(make_ledger(folder, [session(VERIFIED), *entries])))
    with reading(engine) as connection:
        data = read_lot(connection, LOT)
    engine.dispose()
    return data


def test_counts_reasons_and_sizes(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        data = read_lot(connection, LOT)
        assert all_reasons(connection, LOT) == {"crack": 6}
        assert [(item.lot, item.balls, item.accepted) for item in list_lots(connection)] == [(LOT, 60, 54)]
        found = read_recipe(connection, next(iter(data.recipes)))
    assert found == VERIFIED.model_dump(mode="json")
    assert (data.counts.balls, data.counts.accepted, data.counts.rejected) == (60, 54, 6)
    assert (data.counts.open, data.counts.unproven, data.counts.wrong_chute) == (0, 0, 0)
    assert data.reasons == {"crack": 6}
    assert data.shifts == ("early",)
    sizes = size_statistics(data.diameters.only(data.diameters.accepted))
    assert sizes is not None
    assert sizes.count == 54
    assert sizes.smallest_mm < sizes.mean_mm < sizes.largest_mm
    assert (sizes.expanded_mm, sizes.expanded_mean_mm) == pytest.approx((0.08, 0.06))
    assert sizes.roundness_max_mm == pytest.approx(0.12)
    bins = size_histogram(data.diameters)
    assert sum(item["balls"] for item in bins) == 60
    assert {round(item["to_mm"] - item["from_mm"], 6) for item in bins} == {0.05}


def test_unknown_lot_is_told(engine: sa.Engine) -> None:
    with reading(engine) as connection, pytest.raises(LedgerError, match="no ball of lot 'Lot 7'"):
        read_lot(connection, "Lot 7")


def test_balls_that_went_the_wrong_way_are_counted(tmp_path: Path) -> None:
    odd: list[Entry] = [
        part(1, lot=LOT),  # still on the belt
        part(2, lot=LOT, decision="reject"), outcome(2, verdict="accept"),  # accepted without a proof
        part(3, lot=LOT), outcome(3, confirm="reject_eye"),
        part(4, lot=LOT, decision=None, null_cause="no_vision", reasons=()), outcome(4, verdict=None),
        part(5, lot=LOT, diameter_mean_mm=None, diameter_min_mm=None, diameter_max_mm=None), outcome(5),
        part(6, lot="other"), outcome(6),
    ]  # fmt: skip
    data = _lot(tmp_path, odd)
    counts = data.counts
    assert (counts.balls, counts.accepted, counts.rejected, counts.open) == (5, 3, 1, 1)
    assert (counts.unproven, counts.wrong_chute) == (1, 1)
    assert data.reasons["no_vision"] == 1
    assert len(data.diameters) == 4
    assert len(data.parts_accepted) == 4  # the one on the belt is neither


def test_uncertainty_of_all_is_unknown_when_one_is(tmp_path: Path) -> None:
    data = _lot(tmp_path, [part(1, lot=LOT), outcome(1), part(2, lot=LOT, u_diameter_mm=None), outcome(2)])
    sizes = size_statistics(data.diameters)
    assert sizes is not None
    assert sizes.expanded_mm is None


def test_periods_charts_and_capability(tmp_path: Path) -> None:
    entries = balls(VERIFIED, 600)
    data = _lot(tmp_path, entries)
    periods = by_period(data.diameters, 5.0)
    assert sum(periods.count) == 600
    assert np.mean(periods.mean_mm) == pytest.approx(data.diameters.mean_mm.mean(), abs=0.02)
    assert np.mean(periods.u_mean_mm) == pytest.approx(0.2 / np.sqrt(50), rel=0.2)
    wear = wear_chart(data.diameters, period_s=5.0)
    assert wear is not None
    assert wear.baseline.sigma == pytest.approx(0.2 / np.sqrt(50), rel=0.5)
    assert wear_chart(data.diameters, period_s=60.0) is None  # one minute is no trend
    chart = reject_chart(data, 100)
    assert chart is not None
    assert [(point.inspected, point.rejected) for point in chart.chart.points] == [(100, 10)] * 6
    found = size_capability(
        data.diameters, d_min_mm=VERIFIED.size.d_min_mm, d_max_mm=VERIFIED.size.d_max_mm, period_s=5.0
    )
    assert found is not None
    half_band = (VERIFIED.size.d_max_mm - VERIFIED.size.d_min_mm) / 2
    assert found.mean.ppk.value == pytest.approx(half_band / 0.6, rel=0.12)
    assert found.worst_ppk < found.mean.ppk.value  # the extremes are 0.1 mm farther out
    with pytest.raises(ValueError, match="not above 0"):
        by_period(data.diameters, 0.0)


def _hardness(**other: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "lot": LOT, "ball": 1, "readings": {"surface": [58.0, 59.0, 57.0, 58.0]}, "test_date": "2026-03-01",
        "by_name": "A. Person", "instrument": "", "note": "", "supersedes": None,
    }  # fmt: skip
    return row | other


def test_laboratory_entries_are_corrected_by_superseding(engine: sa.Engine) -> None:
    first = lab.add_hardness(engine, _hardness())
    second = lab.add_hardness(engine, _hardness(readings={"surface": [48.0]}, supersedes=first))
    third = lab.add_hardness(engine, _hardness(ball=2))
    with reading(engine) as connection:
        assert [row["id"] for row in lab.current(connection, HardnessRow, LOT)] == [second, third]
        assert connection.execute(sa.select(sa.func.count(HardnessRow.id))).scalar_one() == 3
    for wrong, message in (
        (_hardness(supersedes=first), "superseded already"),
        (_hardness(), "has hardness entry"),  # typed in twice: the ball would count twice
        (_hardness(ball=1, supersedes=third), "has hardness entry"),  # it takes the place of another ball
        (_hardness(supersedes=99), "no such entry"),
        (_hardness(lot="other", supersedes=third), "of lot 'lot 7'"),
        (_hardness(by_name=" "), "1 to 120 letters"),
        (_hardness(by_name="x" * 121), "1 to 120 letters"),
    ):
        with pytest.raises(ConfigError, match=message):
            lab.add_hardness(engine, wrong)


@pytest.mark.parametrize(
    ("found", "size", "lot_size", "fits"),
    [(2, 10, 100, True), (0, 10, 10, True), (11, 10, 100, False), (1, 10, 9, False), (-1, 10, 100, False)],
)
def test_counts_of_a_sample_must_fit(
    engine: sa.Engine, found: int, size: int, lot_size: int, fits: bool
) -> None:
    row = {
        "lot": LOT, "plan": "p", "aql": None, "severity": None, "stage": 1, "lot_size": lot_size,
        "sample_size": size, "accept": 1, "reject": 2, "nonconforming": found, "test_date": "2026-03-01",
        "by_name": "A", "note": "", "supersedes": None,
    }  # fmt: skip
    if fits:
        lab.add_sample(engine, row)
    else:
        with pytest.raises(ConfigError, match="do not fit"):
            lab.add_sample(engine, row)
    with reading(engine) as connection:
        assert len(lab.current(connection, SampleRow, LOT)) == int(fits)


def _draft(engine: sa.Engine, **other: Any) -> Certificate:
    with reading(engine) as connection:
        data = read_lot(connection, LOT)
        rows = lab.current(connection, HardnessRow, LOT)
    used = other.pop("recipe", VERIFIED)
    lab_data = LabData(rows, [], acceptance_tables())
    settings: dict[str, Any] = {"by_name": "A. Person", "recipe_is_ledgers": True} | other
    return draw_up(data, lot_figures(data, used), used, lab_data, DETAILS, **settings)


def test_certificates_are_numbered_without_gaps(engine: sa.Engine) -> None:
    written: list[int | None] = []

    def write(paper: Certificate) -> None:
        written.append(paper.number)

    def fail(_: Certificate) -> None:
        raise ReportError("the disk is full")

    draft = _draft(engine)
    assert draft.doubts == ()
    assert issue(engine, draft, "ru", supersedes=None, write=write).number == 1
    with pytest.raises(ConfigError, match="has certificate 1 already"):
        issue(engine, draft, "ru", supersedes=None, write=write)
    with pytest.raises(ReportError):
        issue(engine, draft, "ru", supersedes=1, write=fail)  # no file, no number
    second = issue(engine, draft, "ru", supersedes=1, write=write)
    assert (second.number, second.supersedes) == (2, 1)
    with pytest.raises(ConfigError, match="none of lot"):
        issue(engine, draft, "ru", supersedes=1, write=write)  # superseded already
    assert written == [1, 2]
    with reading(engine) as connection:
        rows = certificates_of(connection, LOT)
        assert [(row["number"], row["superseded_by"]) for row in rows] == [(1, 2), (2, None)]
        assert read_certificate(connection, 2) == second
        assert connection.execute(sa.select(sa.func.count(CertificateRow.number))).scalar_one() == 2
        with pytest.raises(LedgerError, match="no certificate 3"):
            read_certificate(connection, 3)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([part(61, lot=LOT)], "open"),
        ([part(61, lot=LOT, decision="reject"), outcome(61)], "unproven"),
        ([part(61, lot=LOT), outcome(61, confirm="reject_eye")], "wrong_chute"),
        ([part(61, lot=LOT), outcome(61, side="bypass", cause="bypass")], "bypassed"),
        ([part(61, lot=LOT, recipe_sha256="c" * 64), outcome(61)], "many_recipes"),
        ([part(61, lot=LOT, diameter_mean_mm=None), outcome(61)], "not_measured"),
        ([part(61, lot=LOT, u_diameter_mm=None), outcome(61)], "no_uncertainty"),
    ],
)
def test_doubts_keep_a_certificate_from_being_signed(tmp_path: Path, entries: list[Entry], code: str) -> None:
    judged = [
        replace(entry, recipe_sha256=VERIFIED.sha256())
        if isinstance(entry, PartEntry) and entry.recipe_sha256 == SAMPLE_RECIPE
        else entry
        for entry in entries
    ]
    folder = make_ledger(tmp_path, [session(VERIFIED), *balls(VERIFIED), *judged])
    engine = open_ledger(ledger_url(folder))
    draft = _draft(engine)
    assert [doubt.code for doubt in draft.doubts] == [code]
    with pytest.raises(ConfigError, match="doubts"):
        issue(engine, draft, "en", supersedes=None, write=lambda _: None)
    engine.dispose()


def test_unverified_limits_and_a_recipe_given_by_hand_are_doubts(engine: sa.Engine) -> None:
    draft = _draft(engine, recipe=recipe(), recipe_is_ledgers=False)
    assert [doubt.code for doubt in draft.doubts] == ["unverified", "recipe_not_in_ledger"]
    assert "size.es_mm" in draft.doubts[0].detail
    with pytest.raises(ConfigError, match="nobody is named"):
        _draft(engine, by_name=" ")


def test_volume_hardness_by_an_unverified_formula_is_a_doubt(engine: sa.Engine) -> None:
    depths = ("surface", "quarter", "half", "three_quarter", "centre")
    lab.add_hardness(engine, _hardness(readings={depth: [58.0] * 4 for depth in depths}))
    assert [doubt.code for doubt in _draft(engine).doubts] == ["formula"]


def test_recipe_of_a_certificate(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        data = read_lot(connection, LOT)
    plain, judged = recipe(), VERIFIED.model_dump(mode="json")
    assert choose_recipe(judged, None, data) == VERIFIED
    assert choose_recipe(plain.model_dump(mode="json"), VERIFIED, data) == VERIFIED  # verified since then
    wider = {**judged, "size": {**judged["size"], "es_mm": {**judged["size"]["es_mm"], "value": 9.0}}}
    with pytest.raises(ConfigError, match="other limits"):
        choose_recipe(wider, VERIFIED, data)
    with pytest.raises(ConfigError, match="does not hold the recipe"):
        choose_recipe(None, None, data)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("maker: Plant\nmakr: x", {}, "makr"),  # a slip of the pen
        ("maker: Plant\nmaker: Other", {}, "stands twice"),
        ("- 1", {}, "no mapping"),
        ("", {}, "maker"),  # nobody made it
        ("maker: Plant", {"net_mass_kg": -5.0}, "net_mass_kg"),
        ("maker: [", {}, "cannot be read"),
    ],
)
def test_details_are_checked(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    path = tmp_path / "details.yaml"
    path.write_text(text)
    with pytest.raises(FerrogateError, match=message):
        load_details(path, options)


def test_details_of_the_command_line_go_on_top(tmp_path: Path) -> None:
    path = tmp_path / "details.yaml"
    path.write_text("maker: Plant\nconsumer: Mine\nchemistry: {C: 0.76}")
    details = load_details(path, {"consumer": "Mill", "order": None})
    assert (details.maker, details.consumer, details.order, details.chemistry) == (
        "Plant",
        "Mill",
        "",
        {"C": 0.76},
    )


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "2999-01-01"])
def test_dates_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError):
        lab.parse_date(text)


def test_odd_balls_move_no_period(tmp_path: Path) -> None:
    """Half balls and double ones are no drift of the rolls, found as such or not."""
    random = np.random.default_rng(8)
    values = random.normal(40.0, 0.2, 100)
    odd = np.concatenate([values, [20.0, 80.0, 75.0]])
    mean, u_mean = trimmed_mean(odd)
    assert mean == pytest.approx(values.mean(), abs=0.02)
    assert u_mean == pytest.approx(0.02, rel=0.25)
    spread = np.std([trimmed_mean(random.normal(0.0, 1.0, 50))[0] for _ in range(400)])
    assert trimmed_mean(random.normal(0.0, 1.0, 4000))[1] * np.sqrt(80) == pytest.approx(spread, rel=0.12)
    data = _lot(tmp_path, balls(VERIFIED, 30))
    assert data.diameters.sound.sum() == 27  # three cracked ones


def test_drift_is_found_in_the_ledger(tmp_path: Path) -> None:
    """A lot whose mean creeps by 0.6 mm in two minutes, balls spread by 0.2 mm: found, and told upwards."""
    random = np.random.default_rng(3)
    entries: list[Entry] = []
    for index in range(1200):
        mean = VERIFIED.size.d_nominal_mm + random.normal(0.0, 0.2) + 0.0005 * max(0, index - 400)
        entries += ball(VERIFIED, index + 1, float(mean), utc_ns=UTC_NS + index * 100_000_000)
    data = _lot(tmp_path, entries)
    wear = wear_chart(data.diameters, period_s=4.0, baseline_periods=8)
    assert wear is not None
    assert wear.alarm_utc_ns is not None
    first_drift = UTC_NS + 400 * 100_000_000
    assert first_drift <= wear.alarm_utc_ns <= first_drift + 30e9
    assert wear.drift.slope > 0
    assert wear.drift.is_drift
