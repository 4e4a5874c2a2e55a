"""Measures a ball model on the bank of rendered balls, whose settings were never trained on.

Views are put before a plain backlight with camera noise and cropped as on the edge. Per
ball, seven of its twelve views are drawn (four of one camera, three of the other), as
a passing ball shows; the ball is rejected when any label reaches its threshold in any.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.synthetic.bank import BallBank, BallTruth, BankView
from vision.detector import Detector
from vision.preprocess import square_crop
from vision.types import UInt8Array

VIEWS_OF_CAMERA = (4, 3)
BACKLIGHT_GREY = 200.0
NOISE_GREY = 2.0
SOUND_LABELS = ("good", "oval")
"""Balls without a defect that a detector should find (an oval is measured)."""
VISIBLE_BUCKETS = (1, 20, 100)


@dataclass(frozen=True, slots=True)
class LabelResult:
    """`views` that show the label; found by any label, and by its own; then the same by ball."""

    views: int
    views_found: int
    views_named: int
    balls: int
    hidden: int
    escapes: int


@dataclass(frozen=True, slots=True)
class BankReport:
    """Result on the whole bank; `recall_by_visible_px`: a bucket's smallest pixel count -> recall."""

    labels: dict[str, LabelResult]
    sound_views: int
    false_alarms: int
    sound_balls: int
    false_rejects: int
    false_alarm_labels: dict[str, int]
    recall_by_visible_px: dict[int, float]


@dataclass(frozen=True, slots=True)
class _SeenView:
    camera: str
    defect_px: int
    alarms: frozenset[str]


def evaluate_bank(detector: Detector, bank: BallBank, seed: int) -> BankReport:
    """Run the detector over every view of the bank.

    Args:
        detector: a ball model.
        bank: the opened bank.
        seed: of noise and of the choice of views.
    """
    rng = np.random.default_rng(seed)
    seen = {
        ball.ball: [_look(detector, ball, view, rng) for view in bank.views(ball)]
        for ball in bank.index.balls
    }
    passed = {ball.ball: _passing(seen[ball.ball], rng) for ball in bank.index.balls}
    sound = [ball for ball in bank.index.balls if ball.label in SOUND_LABELS]
    sound_views = [view for ball in sound for view in seen[ball.ball]]
    alarms = Counter(label for view in sound_views for label in view.alarms)
    results = {
        label: _label_result(label, [ball for ball in bank.index.balls if ball.label == label], seen, passed)
        for label in detector.contract.labels
    }
    shown = [view for ball in bank.index.balls if ball not in sound for view in seen[ball.ball]]
    return BankReport(
        labels=results,
        sound_views=len(sound_views),
        false_alarms=sum(bool(view.alarms) for view in sound_views),
        sound_balls=len(sound),
        false_rejects=sum(any(view.alarms for view in passed[ball.ball]) for ball in sound),
        false_alarm_labels=dict(alarms),
        recall_by_visible_px=_by_size(shown),
    )


def summary(report: BankReport) -> str:
    """The result in words, a line per label."""
    lines = [
        f"sound balls: {report.false_rejects} of {report.sound_balls} rejected; "
        f"false alarms in {report.false_alarms} of {report.sound_views} views {report.false_alarm_labels}"
    ]
    for label, found in report.labels.items():
        share = found.views_found / found.views if found.views else 0.0
        lines.append(
            f"  {label:10} found in {share:6.1%} of {found.views} views that show it "
            f"({found.views_named} by its name); of {found.balls} balls "
            f"{found.escapes} escaped, {found.hidden} hidden"
        )
    sizes = ", ".join(f"{least}+ px {recall:.0%}" for least, recall in report.recall_by_visible_px.items())
    return "\n".join([*lines, f"view recall by visible pixels: {sizes}"])


def bank_crop(ball: BallTruth, view: BankView, margin: float, rng: np.random.Generator) -> UInt8Array:
    """One view before a plain backlight, cropped as on the edge: (s, s) mono8."""
    pad = ball.tile_px // 4
    grey = np.pad(view.grey.astype(np.float32), pad)
    cover = np.pad(view.alpha.astype(np.float32) / 255.0, pad)
    picture = grey * cover + BACKLIGHT_GREY * (1.0 - cover)
    picture += rng.standard_normal(picture.shape, np.float32) * np.float32(NOISE_GREY)
    x1, y1, x2, y2 = (value + pad for value in view.truth.silhouette_xyxy_px)
    crop, _ = square_crop(np.clip(np.rint(picture), 0, 255).astype(np.uint8), (x1, y1, x2, y2), margin)
    return crop


def _look(detector: Detector, ball: BallTruth, view: BankView, rng: np.random.Generator) -> _SeenView:
    contract = detector.contract
    found = detector.detect(bank_crop(ball, view, contract.crop_margin, rng))
    named = [(found.label(index), float(found.score[index])) for index in range(len(found))]
    alarms = frozenset(label for label, score in named if score >= contract.thresholds[label])
    return _SeenView(view.truth.camera, view.truth.defect_px, alarms)


def _passing(views: list[_SeenView], rng: np.random.Generator) -> list[_SeenView]:
    cameras = sorted({view.camera for view in views})
    if rng.random() < 0.5:
        cameras.reverse()
    chosen: list[_SeenView] = []
    for camera, count in zip(cameras, VIEWS_OF_CAMERA, strict=False):
        own = [view for view in views if view.camera == camera]
        chosen += [own[k] for k in rng.permutation(len(own))[:count]]
    return chosen


def _label_result(
    label: str, balls: list[BallTruth], seen: dict[str, list[_SeenView]], passed: dict[str, list[_SeenView]]
) -> LabelResult:
    views = [view for ball in balls for view in seen[ball.ball] if view.defect_px]
    hidden = [ball for ball in balls if not any(view.defect_px for view in passed[ball.ball])]
    missed = [ball for ball in balls if not any(view.alarms for view in passed[ball.ball])]
    return LabelResult(
        views=len(views),
        views_found=sum(bool(view.alarms) for view in views),
        views_named=sum(label in view.alarms for view in views),
        balls=len(balls),
        hidden=len(hidden),
        escapes=sum(ball not in hidden for ball in missed),
    )


def _by_size(views: list[_SeenView]) -> dict[int, float]:
    limits = [*VISIBLE_BUCKETS, 1 << 30]
    recall = {}
    for low, high in pairwise(limits):
        inside = [view for view in views if low <= view.defect_px < high]
        if inside:
            recall[low] = round(sum(bool(view.alarms) for view in inside) / len(inside), 4)
    return recall
