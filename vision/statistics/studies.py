"""Readings of a gauge study, and the complete table they must fill.

An analysis of variance needs every part measured equally often by every appraiser; a hole in
the table is refused with its place, never filled. For a camera the "appraiser" is what changes
between readings: orientation of the ball, lane, shift.
Neighbours: `gauge` splits the spread, `linearity` compares with reference values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vision.errors import ConfigError
from vision.metrology.types import Float64Array

#: Names of missing readings that one message lists.
_NAMED_MAX = 6


class StudyError(ConfigError):
    """A study from which no figure can be told: too small, not complete, or without references."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value of one part; `reference_mm` is its known size, None where there is none."""

    part: str
    appraiser: str
    trial: str
    value_mm: float
    reference_mm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """A complete study: every part by every appraiser, equally often.

    Attributes:
        parts, appraisers: names, in the order in which they first appear.
        value_mm: (P, A, T): part, appraiser, trial.
        reference_mm: (P,), or None when not every part has one.
    """

    parts: tuple[str, ...]
    appraisers: tuple[str, ...]
    value_mm: Float64Array
    reference_mm: Float64Array | None


def crossed(readings: Sequence[Reading]) -> Crossed:
    """Put readings into a complete table.

    Raises:
        StudyError: fewer than two parts, appraisers or trials; a reading missing or twice; a value that is
            not finite; two references for one part.
    """
    parts = tuple(dict.fromkeys(reading.part for reading in readings))
    appraisers = tuple(dict.fromkeys(reading.appraiser for reading in readings))
    _check_size(parts, appraisers, readings)
    cells: dict[tuple[str, str], list[float]] = {}
    for reading in readings:
        cells.setdefault((reading.part, reading.appraiser), []).append(reading.value_mm)
    trials = max(len(values) for values in cells.values())
    _check_balance(parts, appraisers, cells, trials)
    if trials < 2:
        raise _refusal(
            "every part was measured only once by each appraiser: repeatability cannot be told",
            "measure every part at least twice in each orientation; three times is usual",
        )
    table = np.array([[cells[part, appraiser] for appraiser in appraisers] for part in parts])
    return Crossed(parts, appraisers, table, references(parts, readings))


def references(parts: Sequence[str], readings: Sequence[Reading]) -> Float64Array | None:
    """(P,) reference of each part, mm; None when a part has none.

    Raises:
        StudyError: one part has two different references.
    """
    known: dict[str, float] = {}
    for reading in readings:
        if reading.reference_mm is None:
            continue
        if not math.isclose(known.setdefault(reading.part, reading.reference_mm), reading.reference_mm):
            two = f"{known[reading.part]} and {reading.reference_mm} mm"
            raise _refusal(
                f"part {reading.part} has two references: {two}",
                "give every reading of a part the same reference, or leave it empty",
            )
    if set(known) != set(parts):
        return None
    return np.array([known[part] for part in parts])


def _check_size(parts: Sequence[str], appraisers: Sequence[str], readings: Sequence[Reading]) -> None:
    if len(parts) < 2:
        raise _refusal(
            f"the study has {len(parts)} part{'' if len(parts) == 1 else 's'}: their spread cannot be told",
            "measure at least two parts, better ten, over the whole range of sizes",
        )
    if len(appraisers) < 2:
        raise _refusal(
            f"the study has one appraiser only ('{appraisers[0]}'): reproducibility cannot be told",
            "measure every part in at least two orientations (or lanes, or shifts); three are usual",
        )
    for reading in readings:
        if not math.isfinite(reading.value_mm):
            raise _refusal(
                f"part {reading.part}, appraiser {reading.appraiser}, trial {reading.trial}: no number",
                "measure it again",
            )
    count = Counter((reading.part, reading.appraiser, reading.trial) for reading in readings)
    twice = [key for key, number in count.items() if number > 1]
    if twice:
        part, appraiser, trial = twice[0]
        raise _refusal(
            f"part {part}, appraiser {appraiser}, trial {trial} is there {count[twice[0]]} times",
            "give every repeat its own trial number, or take the doubled line out",
        )


def _check_balance(
    parts: Sequence[str],
    appraisers: Sequence[str],
    cells: dict[tuple[str, str], list[float]],
    trials: int,
) -> None:
    holes = [
        f"part {part}, appraiser {appraiser}: {len(cells.get((part, appraiser), []))} of {trials}"
        for part in parts
        for appraiser in appraisers
        if len(cells.get((part, appraiser), [])) < trials
    ]
    if holes:
        more = f" and {len(holes) - _NAMED_MAX} more" if len(holes) > _NAMED_MAX else ""
        raise _refusal(
            f"readings are missing: {'; '.join(holes[:_NAMED_MAX])}{more}",
            "measure what is missing, or take the parts that are not complete out of the study",
        )


def _refusal(what: str, todo: str) -> StudyError:
    return StudyError(what, where="gauge study", todo=todo)
