"""Leaks that records tell of: groups, neighbouring frames and backgrounds in two splits, over all data sets.

Neighbours: `datasets.audit.leaks` finds by the pictures what records do not tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.audit import limits
from datasets.audit.findings import Finding
from datasets.audit.labels import USED
from datasets.records import DataSet, SampleRecord

Placed = tuple[Path, SampleRecord]
"""A record and the folder of its data set."""


def check_splits(sets: Sequence[tuple[Path, DataSet]]) -> list[Finding]:
    """Everything records say about one thing in two splits, within and across the data sets."""
    placed = [(folder, sample) for folder, data in sets for sample in data.samples]
    return [*_groups(placed), *_neighbours(placed), *_backgrounds(placed)]


def _where(one: Placed, other: Placed) -> str:
    return f"{one[0] / one[1].file} ({one[1].split}), {other[0] / other[1].file} ({other[1].split})"


def _groups(placed: Sequence[Placed]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], dict[str, Placed]] = defaultdict(dict)
    for one in placed:
        # Two sources may use the same short name for different things.
        seen[one[1].source, one[1].group].setdefault(one[1].split, one)
    for (_, group), by_split in seen.items():
        if len(by_split) < 2:
            continue
        first, second, *_rest = by_split.values()
        yield Finding(
            code="group_in_two_splits",
            level="fail",
            what=f"group {group} is in {' and '.join(sorted(by_split))}",
            where=_where(first, second),
            todo="split by group: what shows one thing belongs into one split",
        )


def neighbour_limit(frames: Sequence[int]) -> int:
    """How far two frame numbers of a sequence may differ to be neighbours.

    A sequence of which only every n-th frame was kept has neighbours n apart; a few frames do not tell.
    """
    steps = np.diff(np.unique(frames))
    if len(steps) < limits.STEP_FROM:
        return limits.NEIGHBOUR_FRAMES
    usual = min(int(np.median(steps)), limits.NEIGHBOUR_FRAMES_MAX)
    return max(limits.NEIGHBOUR_FRAMES, usual)


def _neighbours(placed: Sequence[Placed]) -> Iterator[Finding]:
    sequences: dict[tuple[str, str], list[tuple[int, Placed]]] = defaultdict(list)
    for one in placed:
        if one[1].sequence and one[1].frame is not None:
            sequences[one[1].source, one[1].sequence].append((one[1].frame, one))
    for (_, sequence), members in sequences.items():
        members.sort(key=lambda member: member[0])
        limit = neighbour_limit([frame for frame, _ in members])
        # A guard frame between two of them parts them: it shows what they might share.
        for (frame, one), (next_frame, other) in pairwise(members):
            apart = next_frame - frame
            if (
                apart <= limit
                and one[1].split != other[1].split
                and {one[1].split, other[1].split} <= set(USED)
            ):
                yield Finding(
                    code="neighbours_in_two_splits",
                    level="fail",
                    what=f"frames {frame} and {next_frame} of {sequence} are neighbours in two splits",
                    where=_where(one, other),
                    todo="split by longer blocks, and give the frames at a border to the split 'guard'",
                )


def _names(sample: SampleRecord, *, patches: bool) -> set[str]:
    """File names without folder and suffix that a sample's truth, and with `patches` its boxes, speak of."""
    values: list[object] = list(sample.truth.values())
    if patches:
        values += [value for box in sample.boxes for value in box.attributes.values()]
    return {PurePosixPath(value).stem for value in values if isinstance(value, str) and value}


def named_backgrounds(placed: Sequence[Placed], *, patches: bool = True) -> list[tuple[Placed, Placed]]:
    """Made pictures, each with every real picture its truth or (with `patches`) its boxes name."""
    real: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        if one[1].origin == "real":
            real[PurePosixPath(one[1].file).stem].append(one)
    return [
        (one, source)
        for one in placed
        if one[1].origin != "real"
        for name in sorted(_names(one[1], patches=patches))
        for source in real.get(name, ())
    ]


def _backgrounds(placed: Sequence[Placed]) -> Iterator[Finding]:
    named = named_backgrounds(placed)
    for one, source in named:
        # A composed picture made of a guard frame would undo the guard.
        if one[1].split != source[1].split:
            yield Finding(
                code="leak_background",
                level="fail",
                what=f"a made picture of {one[1].split} uses a picture of {source[1].split}",
                where=_where(one, source),
                todo="compose from pictures of the same split only",
            )
    known = {id(one[1]) for one, _ in named}
    silent = [one for one in placed if one[1].origin == "composed" and id(one[1]) not in known]
    if silent:
        folder, sample = silent[0]
        yield Finding(
            code="unknown_background",
            level="warning",
            what=f"{len(silent)} composed pictures name no picture of these data sets as their background",
            where=str(folder / sample.file),
            todo="audit them together with the set they were made from, and name the picture in 'truth'",
        )
