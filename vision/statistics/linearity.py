"""Mean errors of a gauge: bias, linearity over the range of sizes, and the type-1 study.

Methods: AIAG, Measurement Systems Analysis, 4th edition, chapter III (independent sample method for
bias; linearity by regression with confidence bands); type 1: Cg and Cgk as used by car makers, share
of the tolerance and number of standard deviations given as data.
Neighbours: `studies` makes the table, `gauge` splits the spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vision.metrology.types import Float64Array
from vision.statistics.studies import Crossed, StudyError

#: Of every interval and band here, two-sided.
CONFIDENCE = 0.95
_TYPE1_MIN = 10
_GRID = 101


@dataclass(frozen=True, slots=True)
class Bias:
    """Mean error against a reference, mm, with its 95 % interval and t-test against 0.

    `t` is None when the readings do not differ at all; `p` is then 0, or 1 without any bias.
    """

    part: str
    reference_mm: float
    n: int
    bias_mm: float
    sd_mm: float
    low_mm: float
    high_mm: float
    t: float | None
    p: float

    @property
    def significant(self) -> bool:
        """True when 0 lies outside the interval."""
        return self.p < 1.0 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class Slope:
    """One coefficient of a line with its t-test against 0; `t` None and `p` 0 or 1 for an exact line."""

    value: float
    se: float
    t: float | None
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Linearity:
    """Errors over reference: bias = slope * reference + intercept_mm.

    Attributes:
        reference_mm, bias_mm: (N,) every reading.
        slope: mm per mm; intercept_mm: at reference 0.
        residual_sd_mm: of the readings about the line.
        r_squared: share of the errors' spread that the line explains, 0..1; 0 when there is no spread.
        zero_inside: the line "bias = 0" lies inside the 95 % band over the whole range of references.
    """

    reference_mm: Float64Array
    bias_mm: Float64Array
    slope: Slope
    intercept_mm: Slope
    residual_sd_mm: float
    r_squared: float
    zero_inside: bool

    def band_mm(self, at_mm: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Line, lower and upper 95 % confidence bound of the mean error at these references, each (K,) mm."""
        line = self.slope.value * at_mm + self.intercept_mm.value
        half = _half_band(self.reference_mm, self.residual_sd_mm, at_mm)
        return line, line - half, line + half


@dataclass(frozen=True, slots=True)
class Type1:
    """One part read again and again: `cg` from the spread alone, `cgk` from spread and bias."""

    n: int
    reference_mm: float
    mean_mm: float
    sd_mm: float
    bias: Bias
    cg: float
    cgk: float


def bias_of(part: str, values_mm: Sequence[float] | Float64Array, reference_mm: float) -> Bias:
    """Bias of readings of one part.

    Raises:
        StudyError: fewer than two readings.
    """
    errors = np.asarray(values_mm, np.float64) - reference_mm
    if len(errors) < 2:
        raise _refusal(f"part {part} was read {len(errors)} times: its bias has no interval", "read it again")
    from scipy import stats

    n, mean, sd = len(errors), float(errors.mean()), _sd(errors)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, n - 1)) * sd / math.sqrt(n)
    t, p = _t_test(mean, sd / math.sqrt(n), n - 1)
    return Bias(part, reference_mm, n, mean, sd, mean - half, mean + half, t, p)


def biases(study: Crossed) -> tuple[Bias, ...]:
    """Bias of every part over all its readings.

    Raises:
        StudyError: not every part has a reference.
    """
    references = _references(study)
    return tuple(
        bias_of(part, study.value_mm[number].ravel(), float(references[number]))
        for number, part in enumerate(study.parts)
    )


def overall_bias(study: Crossed) -> Bias:
    """Mean of the parts' biases; its interval comes from part to part, as each part has its own error.

    `reference_mm` is the mean of the references.

    Raises:
        StudyError: not every part has a reference.
    """
    references = _references(study)
    mean = float(references.mean())
    return bias_of("all", study.value_mm.mean(axis=(1, 2)) - references + mean, mean)


def linearity(study: Crossed) -> Linearity:
    """Regression of the errors on the references, every reading counted alone (AIAG MSA).

    Raises:
        StudyError: not every part has a reference, or all references are the same.
    """
    references = _references(study)
    x = np.repeat(references, study.value_mm[0].size)
    return regress(x, study.value_mm.reshape(-1) - x)


def regress(reference_mm: Float64Array, bias_mm: Float64Array) -> Linearity:
    """Least-squares line through errors (N,) over references (N,), mm.

    Raises:
        StudyError: fewer than three readings, or all references are the same.
    """
    n = len(reference_mm)
    if n < 3 or np.ptp(reference_mm) == 0.0:
        raise _refusal(
            "linearity needs three readings or more at two sizes or more",
            "take parts over the whole range of sizes into the study",
        )
    middle, mean = float(reference_mm.mean()), float(bias_mm.mean())
    spread = float(np.sum((reference_mm - middle) ** 2))
    slope = float(np.sum((reference_mm - middle) * (bias_mm - mean))) / spread
    intercept = mean - slope * middle
    rest = bias_mm - slope * reference_mm - intercept
    total, left = float(np.sum((bias_mm - mean) ** 2)), float(np.sum(rest**2))
    # What rounding leaves of an exact line is no spread.
    if left <= (1e-12 * max(1.0, float(np.abs(reference_mm).max()))) ** 2 * n:
        left = 0.0
    sd = math.sqrt(left / (n - 2))
    se_slope = sd / math.sqrt(spread)
    se_intercept = sd * math.sqrt(1.0 / n + middle * middle / spread)
    at = np.linspace(float(reference_mm.min()), float(reference_mm.max()), _GRID)
    inside = np.abs(slope * at + intercept) <= _half_band(reference_mm, sd, at)
    return Linearity(
        reference_mm,
        bias_mm,
        Slope(slope, se_slope, *_t_test(slope, se_slope, n - 2)),
        Slope(intercept, se_intercept, *_t_test(intercept, se_intercept, n - 2)),
        sd,
        0.0 if total == 0.0 else 1.0 - left / total,
        bool(inside.all()),
    )


def type1(
    values_mm: Sequence[float],
    reference_mm: float,
    tolerance_mm: float,
    *,
    tolerance_share: float,
    spread_sigmas: float,
) -> Type1:
    """Type-1 study: Cg = share T / (k s), Cgk = (share T / 2 - abs(bias)) / (k s / 2).

    Args:
        values_mm: readings of one part, at least ten (25 to 50 are usual).
        reference_mm: its known size.
        tolerance_mm: full width T of the tolerance.
        tolerance_share: share of T that the spread is compared with, usually 0.2.
        spread_sigmas: k, usually 6 (some ask for 4).

    Raises:
        StudyError: fewer than ten readings, readings that are all the same, or an empty tolerance.
    """
    if len(values_mm) < _TYPE1_MIN:
        raise _refusal(
            f"a type-1 study of {len(values_mm)} readings tells nothing, it takes {_TYPE1_MIN} or more",
            "read the same part 25 to 50 times",
        )
    if not (tolerance_mm > 0.0 and math.isfinite(tolerance_mm)):
        raise _refusal(f"the tolerance is empty: {tolerance_mm} mm", "give the full width of the band in mm")
    bias = bias_of("", values_mm, reference_mm)
    mean, sd = bias.bias_mm + reference_mm, bias.sd_mm
    if sd == 0.0:
        raise _refusal(
            "all readings are the same: the spread is hidden by rounding",
            "write the readings down with more digits",
        )
    allowed = tolerance_share * tolerance_mm
    cg = allowed / (spread_sigmas * sd)
    cgk = (allowed / 2.0 - abs(bias.bias_mm)) / (spread_sigmas * sd / 2.0)
    return Type1(len(values_mm), reference_mm, mean, sd, bias, cg, cgk)


def _references(study: Crossed) -> Float64Array:
    if study.reference_mm is None:
        raise _refusal(
            "not every part has a reference: no bias can be told",
            "fill in reference_mm for every part, from a better gauge",
        )
    return study.reference_mm


def _sd(values: Float64Array) -> float:
    """Standard deviation; exactly 0 when all values are the same, whatever rounding makes of their mean."""
    return 0.0 if np.ptp(values) == 0.0 else float(values.std(ddof=1))


def _t_test(value: float, se: float, df: int) -> tuple[float | None, float]:
    if se == 0.0:
        return None, 1.0 if abs(value) < 1e-12 else 0.0
    from scipy import stats

    t = value / se
    return t, float(2.0 * stats.t.sf(abs(t), df))


def _half_band(reference_mm: Float64Array, sd_mm: float, at_mm: Float64Array) -> Float64Array:
    from scipy import stats

    n, middle = len(reference_mm), reference_mm.mean()
    spread = np.sum((reference_mm - middle) ** 2)
    t = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, n - 2))
    half: Float64Array = t * sd_mm * np.sqrt(1.0 / n + (at_mm - middle) ** 2 / spread)
    return half


def _refusal(what: str, todo: str) -> StudyError:
    return StudyError(what, where="gauge study", todo=todo)
