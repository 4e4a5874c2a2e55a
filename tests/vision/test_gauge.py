"""Gauge studies: the worked examples of the MSA manual, exact tables, brute force, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vision.metrology.types import Float64Array
from vision.statistics.gauge import gauge_rr
from vision.statistics.linearity import bias_of, biases, linearity, overall_bias, regress, type1
from vision.statistics.ranges import range_constants
from vision.statistics.studies import Crossed, Reading, StudyError, crossed

#: AIAG MSA, 4th edition, the gauge study of chapter III: ten parts, three trials in each line.
AIAG = {
    "A": (
        (0.29, -0.56, 1.34, 0.47, -0.80, 0.02, 0.59, -0.31, 2.26, -1.36),
        (0.41, -0.68, 1.17, 0.50, -0.92, -0.11, 0.75, -0.20, 1.99, -1.25),
        (0.64, -0.58, 1.27, 0.64, -0.84, -0.21, 0.66, -0.17, 2.01, -1.31),
    ),
    "B": (
        (0.08, -0.47, 1.19, 0.01, -0.56, -0.20, 0.47, -0.63, 1.80, -1.68),
        (0.25, -1.22, 0.94, 1.03, -1.20, 0.22, 0.55, 0.08, 2.12, -1.62),
        (0.07, -0.68, 1.34, 0.20, -1.28, 0.06, 0.83, -0.34, 2.19, -1.50),
    ),
    "C": (
        (0.04, -1.38, 0.88, 0.14, -1.46, -0.29, 0.02, -0.46, 1.77, -1.49),
        (-0.11, -1.13, 1.09, 0.20, -1.07, -0.67, 0.01, -0.56, 1.45, -1.77),
        (-0.15, -0.96, 0.67, 0.11, -1.45, -0.49, 0.21, -0.49, 1.87, -2.16),
    ),
}
#: The same book's linearity study: five references, twelve readings each.
AIAG_LINEARITY = {
    2.0: (2.7, 2.5, 2.4, 2.5, 2.7, 2.3, 2.5, 2.5, 2.4, 2.4, 2.6, 2.4),
    4.0: (5.1, 3.9, 4.2, 5.0, 3.8, 3.9, 3.9, 3.9, 3.9, 4.0, 4.1, 3.8),
    6.0: (5.8, 5.7, 5.9, 5.9, 6.0, 6.1, 6.0, 6.1, 6.4, 6.3, 6.0, 6.1),
    8.0: (7.6, 7.7, 7.8, 7.7, 7.8, 7.8, 7.8, 7.7, 7.8, 7.5, 7.6, 7.7),
    10.0: (9.1, 9.3, 9.5, 9.3, 9.4, 9.5, 9.5, 9.5, 9.6, 9.2, 9.3, 9.4),
}


def _study(value_mm: Float64Array, reference_mm: Float64Array | None = None) -> Crossed:
    parts, appraisers, _ = value_mm.shape
    return Crossed(
        tuple(str(i) for i in range(parts)), tuple("ABCDEFGHIJ"[:appraisers]), value_mm, reference_mm
    )


def _aiag_readings() -> list[Reading]:
    return [
        Reading(str(part + 1), appraiser, str(trial + 1), value)
        for appraiser, lines in AIAG.items()
        for trial, line in enumerate(lines)
        for part, value in enumerate(line)
    ]


def test_the_manuals_gauge_study() -> None:
    found = gauge_rr(crossed(_aiag_readings()), tolerance_mm=8.0)
    table = {row.source: row for row in found.anova}
    assert [round(row.ss_mm2, 4) for row in found.anova[:5]] == [88.3619, 3.1673, 0.3590, 2.7589, 94.6471]
    assert [row.df for row in found.anova[:5]] == [9, 2, 18, 60, 89]
    assert table["part by appraiser"].f == pytest.approx(0.434, abs=5e-4)
    assert table["part by appraiser"].p == pytest.approx(0.974, abs=5e-4)
    assert found.pooled
    assert found.ev_sd_mm == pytest.approx(0.199933, abs=5e-7)
    assert found.av_sd_mm == pytest.approx(0.226838, abs=5e-7)
    assert found.interaction_sd_mm == 0.0
    # The book adds up rounded figures.
    assert found.grr_sd_mm == pytest.approx(0.302373, abs=2e-6)
    assert found.pv_sd_mm == pytest.approx(1.042327, abs=5e-7)
    assert found.study_percent(found.grr_sd_mm) == pytest.approx(27.86, abs=0.01)
    assert found.study_percent(found.pv_sd_mm) == pytest.approx(96.04, abs=0.01)
    assert found.ndc == 4
    assert found.tolerance_percent(found.grr_sd_mm) == pytest.approx(100.0 * 6.0 * 0.302373 / 8.0, abs=1e-3)


def test_the_manuals_linearity_study() -> None:
    values = np.array(list(AIAG_LINEARITY.values()))
    study = _study(values.reshape(5, 2, 6), np.array(list(AIAG_LINEARITY)))
    found = linearity(study)
    assert found.slope.value == pytest.approx(-0.131667, abs=5e-7)
    assert found.intercept_mm.value == pytest.approx(0.736667, abs=5e-7)
    assert found.r_squared == pytest.approx(0.714, abs=5e-4)
    assert found.slope.t == pytest.approx(-12.043, abs=5e-4)
    assert found.intercept_mm.t == pytest.approx(10.158, abs=5e-4)
    assert not found.zero_inside
    means = [0.491667, 0.125, 0.025, -0.291667, -0.616667]
    assert [row.bias_mm for row in biases(study)] == pytest.approx(means, abs=5e-7)
    # The mean of all errors lies on the line, at the middle of the references.
    line, low, high = found.band_mm(np.array([6.0]))
    assert overall_bias(study).bias_mm == pytest.approx(float(line[0]))
    assert low[0] < line[0] < high[0]


@pytest.mark.parametrize(
    ("part", "appraiser", "cross", "error", "expected"),
    [
        # only parts differ: no gauge at all, and nothing to count categories with
        ((0.0, 1.0, 2.0), (0.0, 0.0), 0.0, 0.0, (0.0, 0.0, 0.0, 1.0)),
        # appraisers 0 and 2: variance 2 between them
        ((0.0, 1.0, 2.0), (0.0, 2.0), 0.0, 0.0, (0.0, math.sqrt(2.0), 0.0, 1.0)),
        # readings +-1 about each cell: variance 2 within, taken off the others
        ((0.0, 10.0, 20.0), (0.0, 0.0), 0.0, 1.0, (math.sqrt(2.0), 0.0, 0.0, None)),
    ],
)
def test_exact_tables(
    part: tuple[float, ...],
    appraiser: tuple[float, ...],
    cross: float,
    error: float,
    expected: tuple[float, float, float, float | None],
) -> None:
    table = np.array(part)[:, None, None] + np.array(appraiser)[None, :, None]
    value = table + error * np.array([-1.0, 1.0])
    found = gauge_rr(_study(value))
    if error:  # the empty interaction is pooled: 12 mm2 over 6 + 2 degrees of freedom
        assert found.pooled
        assert found.ev_sd_mm == pytest.approx(math.sqrt(12.0 / 8.0))
        assert found.av_sd_mm == 0.0
        return
    assert (found.ev_sd_mm, found.av_sd_mm, found.interaction_sd_mm, found.pv_sd_mm) == pytest.approx(
        expected
    )


def test_without_any_spread_of_the_gauge_there_are_no_categories() -> None:
    value = np.arange(4.0)[:, None, None] + np.zeros((1, 3, 2))
    found = gauge_rr(_study(value), 2.0)
    assert found.ndc is None
    assert found.tolerance_percent(found.grr_sd_mm) == 0.0


def test_the_table_adds_up() -> None:
    value = np.random.default_rng(4).normal(size=(6, 4, 3))
    rows = {row.source: row for row in gauge_rr(_study(value)).anova}
    parts = [rows[name] for name in ("part", "appraiser", "part by appraiser", "repeatability")]
    assert sum(row.ss_mm2 for row in parts) == pytest.approx(rows["total"].ss_mm2)
    assert sum(row.df for row in parts) == rows["total"].df == value.size - 1


@pytest.mark.parametrize(
    ("sd_part", "sd_appraiser", "sd_cross", "sd_error"),
    [
        (1.0, 0.3, 0.2, 0.1),  # everything there
        (1.0, 0.0, 0.0, 0.2),  # repeatability only
        (0.5, 0.0, 0.4, 0.1),  # the orientation matters, differently from ball to ball
    ],
)
def test_components_come_back_from_drawn_studies(
    sd_part: float, sd_appraiser: float, sd_cross: float, sd_error: float
) -> None:
    """Mean variances over many studies drawn with known ones."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(250):
        value = (
            rng.normal(0.0, sd_part, (10, 1, 1))
            + rng.normal(0.0, sd_appraiser, (1, 6, 1))
            + rng.normal(0.0, sd_cross, (10, 6, 1))
            + rng.normal(0.0, sd_error, (10, 6, 3))
        )
        study = gauge_rr(_study(value))
        found.append([study.pv_sd_mm**2, study.grr_sd_mm**2, study.ev_sd_mm**2, study.grr_upper_sd_mm**2])
    part, grr, ev, _ = np.mean(found, axis=0)
    true_grr = sd_appraiser**2 + sd_cross**2 + sd_error**2
    assert part == pytest.approx(sd_part**2, rel=0.12)
    assert grr == pytest.approx(true_grr, rel=0.12)
    # Pooling and cut-off at 0 lift repeatability a little where it is alone.
    assert ev == pytest.approx(sd_error**2, rel=0.12)
    covered = np.mean([row[3] > true_grr for row in found])
    assert 0.9 < covered <= 1.0


def test_an_interaction_that_shows_is_not_pooled() -> None:
    rng = np.random.default_rng(2)
    value = rng.normal(0.0, 1.0, (8, 3, 1)) + rng.normal(0.0, 0.01, (8, 3, 3))
    found = gauge_rr(_study(value))
    assert not found.pooled
    assert found.interaction_sd_mm > 10.0 * found.ev_sd_mm


def _line(part: str = "1", appraiser: str = "A", trial: str = "1", value: float = 1.0) -> Reading:
    return Reading(part, appraiser, trial, value)


def _full(parts: int = 2, appraisers: str = "AB", trials: int = 2) -> list[Reading]:
    return [
        _line(str(part), name, str(trial), part + 0.1 * trial)
        for part in range(parts)
        for name in appraisers
        for trial in range(trials)
    ]


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        (_full(parts=1), "1 part: "),
        (_full(appraisers="A"), r"one appraiser only \('A'\)"),
        (_full(trials=1), "only once by each appraiser"),
        # a hole is named by its place
        (_full()[:-1], "readings are missing: part 1, appraiser B: 1 of 2"),
        # an appraiser who never saw a part
        (_full()[:-2], "part 1, appraiser B: 0 of 2"),
        # many holes are counted
        (_full(parts=9)[:8] + [_line(str(part), "A") for part in range(2, 9)], "and [0-9]+ more"),
        # one line twice
        ([*_full(), _full()[0]], "part 0, appraiser A, trial 0 is there 2 times"),
        # no number
        ([*_full()[:-1], _line("1", "B", "1", math.nan)], "part 1, appraiser B, trial 1: no number"),
        # two truths for one part
        (
            [
                Reading(r.part, r.appraiser, r.trial, r.value_mm, 1.0 + 0.1 * (r.trial == "1"))
                for r in _full()
            ],
            "part 0 has two references: 1.0 and 1.1 mm",
        ),
        ([], "0 parts"),
    ],
)
def test_studies_that_are_not_complete_are_refused(readings: list[Reading], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        crossed(readings)


def test_one_part_without_reference_leaves_the_study_without() -> None:
    readings = [
        Reading(r.part, r.appraiser, r.trial, r.value_mm, 1.0 if r.part == "0" else None) for r in _full()
    ]
    study = crossed(readings)
    assert study.reference_mm is None
    with pytest.raises(StudyError, match="not every part has a reference"):
        biases(study)


@pytest.mark.parametrize("tolerance_mm", [0.0, -2.0, math.nan, math.inf])
def test_an_empty_tolerance_is_refused(tolerance_mm: float) -> None:
    with pytest.raises(StudyError, match="the tolerance is empty"):
        gauge_rr(crossed(_full()), tolerance_mm)
    with pytest.raises(StudyError, match="the tolerance is empty"):
        type1([1.0] * 9 + [1.1], 1.0, tolerance_mm, tolerance_share=0.2, spread_sigmas=6.0)


def test_readings_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(StudyError, match="all readings are the same"):
        gauge_rr(_study(np.ones((3, 2, 2))))


@pytest.mark.parametrize(
    ("values", "bias", "t", "significant"),
    [
        # mean 1, sd 1, n 4: t = 1 / (1 / 2)
        ((10.0, 12.0, 11.0 + math.sqrt(0.5), 11.0 - math.sqrt(0.5)), 1.0, 2.0, False),
        # about the reference
        ((9.0, 11.0), 0.0, 0.0, False),
        # far off
        ((11.0, 11.01, 10.99), 1.0, 1.0 / (0.01 / math.sqrt(3.0)), True),
        # exact, and exactly off: no spread to compare with
        ((10.0, 10.0), 0.0, None, False),
        ((10.5, 10.5), 0.5, None, True),
    ],
)
def test_bias(values: tuple[float, ...], bias: float, t: float | None, significant: bool) -> None:
    found = bias_of("1", values, 10.0)
    assert found.bias_mm == pytest.approx(bias)
    assert found.t == (None if t is None else pytest.approx(t))
    assert found.significant is significant
    assert (found.low_mm <= 0.0 <= found.high_mm) is not significant


@pytest.mark.parametrize(
    ("slope", "intercept", "p_slope", "inside"),
    [
        (0.0, 0.0, 1.0, True),  # perfect
        (0.01, -0.2, 0.0, False),  # an exact line
        (0.0, 0.3, 1.0, False),  # an exact offset
    ],
)
def test_exact_lines(slope: float, intercept: float, p_slope: float, inside: bool) -> None:
    x = np.repeat([10.0, 20.0, 30.0], 3)
    found = regress(x, slope * x + intercept)
    assert found.slope.value == pytest.approx(slope, abs=1e-12)
    assert found.intercept_mm.value == pytest.approx(intercept, abs=1e-12)
    assert found.slope.p == p_slope
    assert found.zero_inside is inside
    assert found.residual_sd_mm == 0.0


def test_the_band_holds_the_true_line_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    x = np.repeat(np.linspace(15.0, 120.0, 5), 4)
    at = np.array([40.0])
    held = 0
    for _ in range(600):
        _, low, high = regress(x, 0.001 * x + rng.normal(0.0, 0.05, len(x))).band_mm(at)
        held += bool(low[0] < 0.04 < high[0])
    assert 0.93 < held / 600 < 0.97


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full(6, 40.0), "three readings or more at two sizes"),
        (np.array([1.0, 2.0]), "three readings or more"),
    ],
)
def test_no_line_without_two_sizes(x: Float64Array, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        regress(x, np.zeros_like(x))


@pytest.mark.parametrize(
    ("offset", "cg", "cgk"),
    [
        # sd of ten readings +-0.01 is 0.01 sqrt(10/9); T = 2: Cg = 0.4 / (6 sd), Cgk the same on the spot
        (0.0, 0.4 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0)), 0.4 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0))),
        # half of the allowed bias is used up
        (0.1, 0.4 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0)), 0.2 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0))),
        # more bias than allowed: below 0
        (0.3, 0.4 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0)), -0.2 / (6.0 * 0.01 * math.sqrt(10.0 / 9.0))),
    ],
)
def test_type_1(offset: float, cg: float, cgk: float) -> None:
    values = [40.0 + offset + 0.01 * (-1) ** number for number in range(10)]
    found = type1(values, 40.0, 2.0, tolerance_share=0.2, spread_sigmas=6.0)
    assert found.cg == pytest.approx(cg)
    assert found.cgk == pytest.approx(cgk)
    assert found.bias.bias_mm == pytest.approx(offset)


def test_type_1_without_spread_and_without_readings() -> None:
    with pytest.raises(StudyError, match="all readings are the same"):
        type1([40.0] * 10, 40.0, 2.0, tolerance_share=0.2, spread_sigmas=6.0)
    with pytest.raises(StudyError, match="a type-1 study of 9 readings"):
        type1([40.0] * 9, 40.0, 2.0, tolerance_share=0.2, spread_sigmas=6.0)


@pytest.mark.parametrize(
    ("n", "d2", "d3", "a2", "d_low", "d_high"),
    [
        # the tables of ISO 7870-2 and of the MSA manual
        (2, 1.128, 0.853, 1.880, 0.0, 3.267),
        (3, 1.693, 0.888, 1.023, 0.0, 2.574),
        (5, 2.326, 0.864, 0.577, 0.0, 2.114),
        (10, 3.078, 0.797, 0.308, 0.223, 1.777),
    ],
)
def test_range_constants(n: int, d2: float, d3: float, a2: float, d_low: float, d_high: float) -> None:
    found = range_constants(n)
    assert (found.d2, found.d3, found.a2, found.d_low, found.d_high) == pytest.approx(
        (d2, d3, a2, d_low, d_high), abs=1e-3
    )


@pytest.mark.parametrize("n", [0, 1])
def test_no_range_chart_for_such_samples(n: int) -> None:
    with pytest.raises(ValueError, match="no range chart"):
        range_constants(n)
