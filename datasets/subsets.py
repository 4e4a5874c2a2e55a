"""Smaller training sets for the learning curve: N pictures drawn by blocks, as a plant would label them.

A plant that labels 25 pictures labels 25 pictures of a few stretches, not 25 drawn from a whole year. So
frames of one sequence whose numbers lie close are a block, pictures without a frame number are blocks by
their group, and blocks are drawn whole. The order of blocks depends on the seed and on their names alone:
a larger subset of the same seed holds the smaller one. Val, test and guard pictures stay as they are.
Neighbours: `training`'s learning curve draws here, `datasets.splits` makes the splits themselves.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

from datasets.errors import DataError
from datasets.records import DataSet, SampleRecord

#: Pictures of a sequence in one block, at most.
BLOCK_PICTURES = 8
#: Frames whose numbers differ by more begin a new block.
BLOCK_GAP = 8


def draw_blocks(data: DataSet, count: int, seed: int) -> DataSet:
    """The data set with `count` training pictures; the last block drawn is cut where it would be too many.

    The samples keep their order. `info["subset"]` says how it was drawn.

    Args:
        data: whole; its train split is cut.
        count: 1 .. pictures of the train split.
        seed: of the order of the blocks.

    Raises:
        DataError: there are not so many training pictures, or fewer than one is asked for.
    """
    train = data.of_split("train")
    if not 1 <= count <= len(train):
        raise DataError(
            f"{count} training pictures are asked for, the train split has {len(train)}",
            where="the size of the subset",
            todo=f"ask for 1 to {len(train)}",
        )
    blocks = train_blocks(data)
    order = sorted(blocks, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    drawn = [sample.file for name in order for sample in blocks[name]][:count]
    kept = set(drawn)
    samples = tuple(sample for sample in data.samples if sample.split != "train" or sample.file in kept)
    subset = {"train_pictures": count, "of": len(train), "seed": seed, "blocks": _opened(blocks, kept)}
    return data.model_copy(update={"samples": samples, "info": {**data.info, "subset": subset}})


def train_blocks(data: DataSet) -> dict[str, tuple[SampleRecord, ...]]:
    """The blocks of the train split by name: neighbouring frames of a sequence, else a group."""
    blocks: dict[str, list[SampleRecord]] = {}
    sequences: dict[tuple[str, str], list[tuple[int, SampleRecord]]] = defaultdict(list)
    for sample in data.of_split("train"):
        if sample.sequence and sample.frame is not None:
            sequences[sample.source, sample.sequence].append((sample.frame, sample))
        else:
            blocks.setdefault(f"group/{sample.source}/{sample.group}", []).append(sample)
    for (source, sequence), members in sequences.items():
        members.sort(key=lambda member: (member[0], member[1].file))
        name, last = "", 0
        for frame, sample in members:
            if not name or frame - last > BLOCK_GAP or len(blocks[name]) >= BLOCK_PICTURES:
                name = f"sequence/{source}/{sequence}/{sample.file}"
                blocks[name] = []
            blocks[name].append(sample)
            last = frame
    return {name: tuple(members) for name, members in blocks.items()}


def _opened(blocks: dict[str, tuple[SampleRecord, ...]], kept: set[str]) -> int:
    """Blocks of which some picture was kept."""
    return sum(any(sample.file in kept for sample in members) for members in blocks.values())
