"""Sound balls, and the thresholds below which one label alone throws too many of them out.

A ball is thrown out by one finding in any of its views, so what a threshold costs in good balls is counted
by ball, not by view. Scores of sound balls of the train split count as well: a threshold for one ball in a
hundred cannot be had from the few dozen of a val split. Neighbour: `operating_point` raises its thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.records import DataSet, SampleRecord
from datasets.scoring.matching import Float64Array
from datasets.scoring.pictures import Look, Scored, score_pictures
from datasets.scoring.rates import threshold_for

SOUND_BALLS = frozenset({"good", "oval"})
"""An oval ball is found by measuring it, not by the detector."""
BALL_LABEL_KEY = "ball_label"


@dataclass(frozen=True, slots=True, eq=False)
class SoundBalls:
    """Best score of each label over all views of each ball.

    Attributes:
        groups: (B,) the balls.
        best: (B, L) scores 0..1, 0 where there is no finding; columns as the model's labels.
    """

    groups: tuple[str, ...]
    best: Float64Array

    def without(self, groups: Iterable[str]) -> SoundBalls:
        """Those that are none of `groups`."""
        left_out = set(groups)
        kept = [number for number, group in enumerate(self.groups) if group not in left_out]
        return SoundBalls(tuple(self.groups[number] for number in kept), self.best[kept])

    def enough_for(self, share: float) -> bool:
        """Whether one of them is at most this share of all."""
        return len(self.groups) * share >= 1.0

    def least_threshold(self, class_id: int, share: float) -> float:
        """The lowest threshold at which this label throws out at most this share of them.

        Args:
            class_id: column of the label.
            share: 0..1.
        """
        return threshold_for(self.best[:, class_id], math.floor(share * len(self.groups) + 1e-9))

    def lost(self, limits: Float64Array) -> int:
        """How many have a finding at or above its label's limit, (L,)."""
        return int((self.best >= limits).any(axis=1).sum())


def is_good_view(sample: SampleRecord) -> bool:
    """A view of a sound ball: nothing is labelled, and the ball is not one that hides a defect elsewhere."""
    return not sample.boxes and str(sample.truth.get(BALL_LABEL_KEY) or sample.label) in SOUND_BALLS


def sound_groups(samples: Iterable[SampleRecord]) -> frozenset[str]:
    """Groups of which every picture is a good view."""
    every, unsound = set(), set()
    for sample in samples:
        every.add(sample.group)
        if not is_good_view(sample):
            unsound.add(sample.group)
    return frozenset(every - unsound)


def sound_balls(*parts: Scored) -> SoundBalls:
    """The sound balls among scored pictures of one model; a ball lies in one part only."""
    best: dict[str, Float64Array] = {}
    labels = parts[0].labels
    for part in parts:
        sound = sound_groups(picture.sample for picture in part.pictures)
        for picture in part.pictures:
            group = picture.sample.group
            if group in sound:
                row = best.setdefault(group, np.zeros(len(labels)))
                np.maximum.at(row, picture.found.class_id, picture.found.score)
    rows = np.array(list(best.values()), np.float64).reshape(-1, len(labels))
    return SoundBalls(tuple(best), rows)


def score_sound_balls(
    data: DataSet, folder: Path, look: Look, labels: tuple[str, ...], *, progress: bool = False
) -> Scored:
    """Run a detector over the sound balls of the train split; nothing where it has none.

    Args:
        data: records; their files lie in `folder`.
        folder: of the data set.
        look: picture to boxes in its pixels; its labels must be `labels`.
        labels: the model's, in class order.
        progress: show a bar on a terminal.

    Raises:
        ConfigError: a picture cannot be read or is of another size.
    """
    train = data.of_split("train")
    sound = sound_groups(train)
    chosen = tuple(sample for sample in train if sample.group in sound)
    if not chosen:
        return Scored(labels, ())
    cut = data.model_copy(update={"samples": chosen})
    return score_pictures(cut, ("train",), folder, look, labels, progress=progress)
