"""Encoder counts without their wrap, and what is usual from frame to frame.

Neighbour: `layout` turns counts into rows of the map. Pure numbers; nothing here knows a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from vision.errors import ConfigError


def nearest(raw: int, target: float, bits: int) -> int:
    """The count that reads `raw` on an encoder of `bits` bits and lies nearest to `target`."""
    span = 1 << bits
    return raw + span * round((target - raw) / span)


def check_wrap(frame_counts: float, bits: int, where: str) -> None:
    """Refuse an encoder that turns over before a frame is over: its counts would say nothing.

    Raises:
        ConfigError: a frame is half the encoder's range long, or longer.
    """
    if frame_counts >= 1 << (bits - 1):
        raise ConfigError(
            f"a frame is {frame_counts:.0f} counts long, and an encoder of {bits} bits tells at most "
            f"{(1 << (bits - 1)) - 1} apart",
            where=where,
            todo="check counts_per_mm and count_bits, or take frames of fewer rows",
        )


def usual_step(counts: Sequence[int], numbers: Sequence[int], bits: int) -> float:
    """Counts from one frame to the next, with their direction: the median of those that moved; else 0."""
    steps = [
        nearest(counts[k + 1] - counts[k], 0.0, bits)
        for k in range(len(counts) - 1)
        if numbers[k + 1] - numbers[k] == 1
    ]
    moved = [step for step in steps if step]
    return float(median(moved)) if moved else 0.0


def unwrap(counts: Sequence[int], numbers: Sequence[int], bits: int, near: float | None = None) -> list[int]:
    """Counts as they were before the encoder wrapped.

    From frame to frame the shortest way is taken; over missing frames, which may hide whole turns, the way
    nearest to what the other frames make usual.

    Args:
        counts: of frames in the order of their numbers; what exceeds the encoder's bits is cut off.
        numbers: rising frame numbers, one per count.
        bits: of the encoder.
        near: the first count lies as near to this as it can; None: it is what it reads.
    """
    if not counts:
        return []
    step = usual_step(counts, numbers, bits)
    first = counts[0] % (1 << bits)
    made = [first if near is None else nearest(first, near, bits)]
    for k in range(1, len(counts)):
        gap = numbers[k] - numbers[k - 1]
        made.append(nearest(counts[k], made[-1] + (gap * step if gap > 1 else 0.0), bits))
    return made
