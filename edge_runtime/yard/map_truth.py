"""Maps of rendered rails beside their truth, in millimetres: places, merging, recall, false alarms per metre.

What the detector does not know (welds) is no mark to find; what lies there is a false alarm and said to lie
on one. The ends of the rail are no marks either: the map measures them itself, and a `gap` at one is right.
Neighbours: `scan_rendered` reads the truth, `map_match` pairs, `score_command` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.yard.map_folder import MapFolder
from edge_runtime.yard.map_match import (
    Patch,
    PerMetre,
    Share,
    lying_on,
    matched,
    overlaps,
    per_metre,
    quantiles,
    share,
)
from edge_runtime.yard.scan_rendered import RenderedMark, RenderedRail
from vision.errors import ConfigError
from vision.rail_map.types import MapFinding

#: A `gap` this near to an end of the rail is that end.
_END_MM = 30.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Absolute differences in millimetres; `signed` is their mean with its sign."""

    p50: float
    p95: float
    largest: float
    signed: float


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label on all rails: how much of it was found, and what was found where none is.

    `on_other`: false findings on a mark of another label; `on_unknown`: on one without a label (a weld).
    """

    label: str
    threshold: float | None
    recall: Share
    false: PerMetre
    on_other: int
    on_unknown: int


@dataclass(frozen=True, slots=True)
class MergeScore:
    """Found marks that came out in pieces or together with others; each share of all found ones.

    `in_pieces`: another finding of the label lies on the mark. `one_behind_another`: those of them whose
    pieces follow each other along the rail, as a border of tiles or frames would cut them; others lie side
    by side, as the detector saw them. `together`: its finding covers another mark of the label too.
    `across_frames`: of marks that a frame's border cuts, those in pieces.
    """

    in_pieces: Share
    one_behind_another: Share
    together: Share
    across_frames: Share


@dataclass(frozen=True, slots=True)
class TruthScore:
    """All that maps of rendered rails are worth.

    `place_mm`: middle of a finding against its mark's, along the rail. `begin_mm`, `end_mm`: its edges.
    `across_mm`: its middle across. `length_mm`: of the rail, where both ends were seen. None: nothing to
    measure.
    """

    rails: int
    metres: float
    marks: int
    found: int
    place_mm: Spread | None
    begin_mm: Spread | None
    end_mm: Spread | None
    across_mm: Spread | None
    length_mm: Spread | None
    merge: MergeScore
    labels: tuple[LabelScore, ...]
    unseen_m: float


@dataclass(frozen=True, slots=True)
class _Rail:
    """One rail's marks and findings, paired."""

    truth: RenderedRail
    map: MapFolder
    marks: tuple[Patch, ...]
    unknown: tuple[Patch, ...]
    findings: tuple[Patch, ...]
    pairs: Mapping[int, int]


def score_rendered(maps: Sequence[MapFolder], truths: Sequence[RenderedRail]) -> TruthScore:
    """Compare maps with the truth of their rails.

    Args:
        maps: of rendered rails, in any order.
        truths: all rails of the set; those without a map are left alone.

    Raises:
        ConfigError: a map of no rail of the set, or one without a scale.
    """
    by_name = {truth.id: truth for truth in truths}
    rails = [_paired(one, by_name) for one in maps]
    metres = sum(rail.truth.length_mm for rail in rails) / 1000.0
    pairs = [(rail.marks[mark], rail.findings[found]) for rail in rails for mark, found in rail.pairs.items()]
    labels = sorted({str(one.label) for rail in rails for one in (*rail.marks, *rail.findings)})
    return TruthScore(
        rails=len(rails),
        metres=metres,
        marks=sum(len(rail.marks) for rail in rails),
        found=len(pairs),
        place_mm=_spread([found.middle - mark.middle for mark, found in pairs]),
        begin_mm=_spread([found.first - mark.first for mark, found in pairs]),
        end_mm=_spread([found.last - mark.last for mark, found in pairs]),
        across_mm=_spread(
            [(found.left + found.right - mark.left - mark.right) / 2.0 for mark, found in pairs]
        ),
        length_mm=_spread(
            [
                1000.0 * rail.map.map.length_m - rail.truth.length_mm
                for rail in rails
                if rail.map.map.length_m is not None and not rail.map.map.length_is_least
            ]
        ),
        merge=_merge(rails),
        labels=tuple(_label(label, rails, metres) for label in labels),
        unseen_m=sum(rail.map.grade.unseen_m or 0.0 for rail in rails),
    )


def _paired(one: MapFolder, truths: Mapping[str, RenderedRail]) -> _Rail:
    name = one.map.rail
    if name not in truths:
        raise ConfigError(
            f"the truth knows no rail '{name}'", where=str(one.path), todo="name the set that was mapped"
        )
    if one.map.row_mm is None:
        raise ConfigError(
            "the map has no scale to compare by", where=str(one.path), todo="map the rendered set itself"
        )
    truth = truths[name]
    marks = tuple(_mark(mark) for mark in truth.marks if mark.label is not None)
    unknown = tuple(_mark(mark) for mark in truth.marks if mark.label is None)
    findings = tuple(_finding(found) for found in one.map.findings if not _is_end(found, truth.length_mm))
    return _Rail(truth, one, marks, unknown, findings, matched(marks, findings))


def _mark(mark: RenderedMark) -> Patch:
    return Patch(
        mark.id,
        mark.label,
        mark.position_mm,
        mark.position_mm + mark.length_mm,
        mark.across_mm,
        mark.across_mm + mark.width_mm,
    )


def _finding(found: MapFinding) -> Patch:
    first, last = 1000.0 * float(found.start_m or 0.0), 1000.0 * float(found.end_m or 0.0)
    left = float(found.across_mm or 0.0)
    return Patch(found.id, found.label, first, last, left, left + float(found.width_mm or 0.0), found.score)


def _is_end(found: MapFinding, length_mm: float) -> bool:
    """A gap where the rail ends."""
    if found.label != "gap" or found.start_m is None or found.end_m is None:
        return False
    return 1000.0 * found.start_m < _END_MM or 1000.0 * found.end_m > length_mm - _END_MM


def _spread(values: Sequence[float]) -> Spread | None:
    found = quantiles(map(abs, values))
    return None if found is None else Spread(*found, sum(values) / len(values))


def _merge(rails: Sequence[_Rail]) -> MergeScore:
    total = pieces = behind = together = cut = cut_pieces = 0
    for rail in rails:
        on_mark = lying_on(rail.findings, rail.marks)
        covered = lying_on(rail.marks, rail.findings)
        views = {mark.id: mark for mark in rail.truth.marks}
        borders = sorted(frame.begin_mm for frame in rail.truth.frames)
        for mark, found in rail.pairs.items():
            label = rail.marks[mark].label
            others = [
                one
                for index, one in enumerate(rail.findings)
                if on_mark[index, mark] and index != found and one.label == label
            ]
            in_pieces = bool(others)
            total += 1
            pieces += in_pieces
            behind += any(_follows(rail.findings[found], other) for other in others)
            together += any(
                covered[other, found] and other != mark and rail.marks[other].label == label
                for other in range(len(rail.marks))
            )
            one = views[rail.marks[mark].id]
            if any(one.position_mm < border < one.position_mm + one.length_mm for border in borders):
                cut += 1
                cut_pieces += in_pieces
    return MergeScore(
        share(pieces, total), share(behind, total), share(together, total), share(cut_pieces, cut)
    )


def _follows(one: Patch, other: Patch) -> bool:
    """They lie one behind another: less than half of the shorter one's length is common."""
    common = min(one.last, other.last) - max(one.first, other.first)
    return common < 0.5 * min(one.last - one.first, other.last - other.first)


def _label(label: str, rails: Sequence[_Rail], metres: float) -> LabelScore:
    marks = hits = false = on_other = on_unknown = 0
    for rail in rails:
        own = [index for index, mark in enumerate(rail.marks) if mark.label == label]
        marks += len(own)
        hits += sum(index in rail.pairs for index in own)
        right = set(rail.pairs.values())
        wrong = [one for index, one in enumerate(rail.findings) if one.label == label and index not in right]
        false += len(wrong)
        others = [mark for mark in rail.marks if mark.label != label]
        on_other += int((overlaps(wrong, others) > 0.0).any(axis=1).sum())
        on_unknown += int((overlaps(wrong, rail.unknown) > 0.0).any(axis=1).sum())
    threshold = rails[0].map.map.thresholds.get(label) if rails else None
    return LabelScore(label, threshold, share(hits, marks), per_metre(false, metres), on_other, on_unknown)
