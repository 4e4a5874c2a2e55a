"""The numbers an audit judges by, in one place; docs/data_audit.md says how they were chosen."""

from __future__ import annotations

#: Pictures whose likeness reaches this show the same thing (`datasets.audit.likeness`, -1..1).
ALIKE = 0.8
#: Groups are joined before a split from this likeness on: a little below, so that nothing is left to find.
JOIN_ALIKE = 0.77
#: A composed picture fits into its background at least so well (`datasets.audit.backgrounds`, -1..1).
SAME_BACKGROUND = 0.7
#: Frames of one sequence whose numbers differ by at most this are neighbours ...
NEIGHBOUR_FRAMES = 3
#: ... or by the step of a sequence of which only every n-th frame was kept, up to this.
NEIGHBOUR_FRAMES_MAX = 8
#: A sequence tells its step from this many steps on.
STEP_FROM = 8
#: A box may lie this far outside its picture: half a pixel is rounding.
OUTSIDE_PX = 0.5
#: A box narrower or lower than this holds no pixel.
SMALLEST_PX = 0.5
#: Two boxes of one label that overlap by at least this IoU are one.
TWICE_IOU = 0.95
#: Class drift: total variation distance of class shares, and the chi-square test's p at which it counts.
DRIFT_WARN, DRIFT_WARN_P = 0.10, 0.05
DRIFT_FAIL, DRIFT_FAIL_P = 0.25, 0.001
#: Pictures whose grey varies by less than this standard deviation (of 255) show nothing.
PLAIN_STD = 0.2


def as_dict() -> dict[str, float]:
    """All limits by name, for the report."""
    return {
        "alike": ALIKE,
        "same_background": SAME_BACKGROUND,
        "neighbour_frames": NEIGHBOUR_FRAMES,
        "neighbour_frames_max": NEIGHBOUR_FRAMES_MAX,
        "outside_px": OUTSIDE_PX,
        "smallest_px": SMALLEST_PX,
        "twice_iou": TWICE_IOU,
        "drift_warn": DRIFT_WARN,
        "drift_warn_p": DRIFT_WARN_P,
        "drift_fail": DRIFT_FAIL,
        "drift_fail_p": DRIFT_FAIL_P,
        "plain_std": PLAIN_STD,
    }
