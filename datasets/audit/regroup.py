"""Joins groups whose pictures show the same thing, before a split is drawn.

Sources name their groups by what they know; the same part under another light or a repeated pass they
often do not know of. Neighbours: builders call this before `datasets.splits`, so that their audit passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.audit.likeness import Look, alike_pairs
from datasets.audit.limits import JOIN_ALIKE

#: More than the audit looks at: here all are one crowd, and one alike pair overlooked fails the audit later.
_CANDIDATES = 32


def join_alike(looks: Sequence[Look], groups: Sequence[str], sources: Sequence[str]) -> list[str]:
    """New group names: groups that hold alike pictures become one, named by the first in order of name.

    Args:
        looks: of all pictures (`datasets.audit.likeness.look_of`).
        groups: the group of each so far.
        sources: the source of each.
    """
    names = sorted(set(groups))
    number = {name: index for index, name in enumerate(names)}
    pairs = alike_pairs(looks, [""] * len(looks), sources, JOIN_ALIKE, _CANDIDATES)
    joined = components(
        len(names), [(number[groups[pair.first]], number[groups[pair.second]]) for pair in pairs]
    )
    first: dict[int, str] = {}
    for name, component in zip(names, joined, strict=True):
        first.setdefault(component, name)
    return [first[joined[number[group]]] for group in groups]


def components(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The connected component of each of `count` things that are joined in pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return [int(label) for label in labels]
