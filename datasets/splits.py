"""Splits by group: a group of pictures that show one thing never lies in two splits.

Neighbours: importers and builders ask here; `datasets.subsets` draws smaller training sets.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from datasets.records import Split


def _order(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}:{group}".encode()).digest()


def share_out(
    groups: Sequence[str], kinds: Mapping[str, str], seed: int, val_share: float
) -> dict[str, Split]:
    """A split for every group: about `val_share` of the pictures of each kind go to val.

    Args:
        groups: the group of each picture, so that a large group counts with all its pictures.
        kinds: the kind (label, source) of each group; every kind is shared out by itself, and one
            that has two groups or more is in both splits.
        seed: the order in which groups are drawn depends on it and on their names alone.
        val_share: 0..1.
    """
    sizes = Counter(groups)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for group in sizes:
        by_kind[kinds[group]].append(group)
    splits: dict[str, Split] = dict.fromkeys(sizes, "train")
    for members in by_kind.values():
        members.sort(key=lambda group: _order(seed, group))
        wanted = val_share * sum(sizes[group] for group in members)
        taken = 0
        for group in members[:-1]:
            # A group that overshoots by more than it brings nearer is left to train.
            if taken and taken + sizes[group] / 2 > wanted:
                continue
            if wanted <= 0 or taken >= wanted:
                break
            splits[group] = "val"
            taken += sizes[group]
    return splits
