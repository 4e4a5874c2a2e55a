"""Leaks that the pictures themselves show: one picture, or copies of it, in two splits.

Neighbours: `datasets.audit.likeness` finds the pairs, `datasets.audit.splits` reads the records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.audit.findings import Finding
from datasets.audit.labels import USED
from datasets.audit.likeness import Look, alike_pairs
from datasets.audit.limits import ALIKE
from datasets.audit.pictures import Pictures
from datasets.audit.regroup import components
from datasets.audit.splits import Placed, named_backgrounds
from datasets.records import DataSet

_SHOWN = 6


def check_pictures(sets: Sequence[tuple[Path, DataSet, Pictures]]) -> list[Finding]:
    """Equal and alike pictures, within and across the data sets."""
    placed: list[Placed] = []
    looks: list[Look] = []
    hashes: dict[str, list[Placed]] = defaultdict(list)
    for folder, data, pictures in sets:
        for sample in data.samples:
            if sample.split not in USED:
                continue
            if sample.file in pictures.sha256:
                hashes[pictures.sha256[sample.file]].append((folder, sample))
            if sample.file in pictures.looks:
                placed.append((folder, sample))
                looks.append(pictures.looks[sample.file])
    found = list(_equal(hashes))
    equal = {frozenset(map(_key, members)) for members in _pairs_of(hashes)}
    splits = [sample.split for _, sample in placed]
    pairs = alike_pairs(looks, splits, [sample.source for _, sample in placed], ALIKE)
    inside: list[tuple[int, int]] = []
    for pair in pairs:
        one, other = placed[pair.first], placed[pair.second]
        if frozenset((_key(one), _key(other))) in equal:
            continue
        if one[1].split != other[1].split:
            found.append(_leak(one, other, pair.likeness))
        else:
            inside.append((pair.first, pair.second))
    return [*found, *_repeats(placed, inside)]


def _key(one: Placed) -> tuple[str, str]:
    return str(one[0]), one[1].file


def _named(one: Placed) -> str:
    return f"{one[0] / one[1].file} ({one[1].split})"


def _pairs_of(hashes: dict[str, list[Placed]]) -> Iterator[tuple[Placed, Placed]]:
    for members in hashes.values():
        for index, one in enumerate(members):
            for other in members[:index]:
                yield one, other


def _equal(hashes: dict[str, list[Placed]]) -> Iterator[Finding]:
    for members in hashes.values():
        if len({_key(one) for one in members}) < 2:
            continue
        leak = len({one[1].split for one in members}) > 1
        yield Finding(
            code="leak_same_picture" if leak else "repeat_in_split",
            level="fail" if leak else "warning",
            what=f"{len(members)} files hold the same picture, byte for byte",
            where=_listing(members),
            todo="keep one of them" + (", in one split" if leak else ""),
        )


def _leak(one: Placed, other: Placed, likeness: float) -> Finding:
    return Finding(
        code="leak_alike",
        level="fail",
        what=f"two splits show the same thing: likeness {likeness:.2f}, limit {ALIKE:.2f} "
        "(a repeat, a mirrored, turned, brighter or composed copy)",
        where=f"{_named(one)}, {_named(other)}",
        todo="look at both; give them one group and one split, or take one out",
    )


def _repeats(placed: Sequence[Placed], pairs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Clusters of look-alikes inside one split, where the records do not say that they belong together."""
    backgrounds = {frozenset((_key(one), _key(source))) for one, source in named_backgrounds(placed)}
    joined: list[tuple[int, int]] = []
    for first, second in pairs:
        one, other = placed[first], placed[second]
        together = (one[1].source, one[1].group) == (other[1].source, other[1].group)
        recording = one[1].sequence != "" and one[1].sequence == other[1].sequence
        made_of = frozenset((_key(one), _key(other))) in backgrounds
        # Several pictures composed on one background are meant to be alike.
        if together or recording or made_of or "composed" in (one[1].origin, other[1].origin):
            continue
        joined.append((first, second))
    clusters: dict[int, list[Placed]] = defaultdict(list)
    for one, component in zip(placed, components(len(placed), joined), strict=True):
        clusters[component].append(one)
    for members in clusters.values():
        if len(members) > 1:
            yield Finding(
                code="repeat_in_split",
                level="warning",
                what=f"{len(members)} pictures of {members[0][1].split} show the same thing",
                where=_listing(members),
                todo="give them one group, or keep one: they count several times",
            )


def _listing(members: Sequence[Placed]) -> str:
    names = ", ".join(_named(one) for one in members[:_SHOWN])
    return names + (f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else "")
