"""What this project asks of a model before it ships; the report sets every figure beside its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DEFECT_AP50, GAP_AP50 = 0.70, 0.90
LARGEST_DIRT_SHARE, LEAST_DEFECT_RECALL = 0.10, 0.60
TIMES_BASELINE, SHARE_OF_THE_REST = 1.5, 0.5
GROSS_AP50 = 0.85
CRACK_RECALL, LEAST_GOOD_VIEWS, LEAST_CRACK_VIEWS = 0.98, 5000, 500


@dataclass(frozen=True, slots=True)
class Target:
    """One figure: what is asked, what was measured, whether it is met; None: it was not measured."""

    name: str
    asked: str
    measured: str
    met: bool | None


def at_least(name: str, value: float | None, least: float) -> Target:
    """A figure that must reach a limit."""
    return Target(
        name,
        f"at least {least:g}",
        "not measured" if value is None else f"{value:.4f}",
        None if value is None else value >= least,
    )


def against_baseline(map50: float, baseline: float | None) -> Target:
    """1.5 times the stock recipe's mAP50, or half of what that lacks to 1."""
    name = "mAP50 against the stock recipe's"
    asked = f"{TIMES_BASELINE:g} times, or {SHARE_OF_THE_REST:g} of what it lacks to 1"
    if baseline is None:
        return Target(name, asked, "not measured (--baseline)", None)
    ratio, rest = compared(map50, baseline)
    times = f"{ratio:.2f} times" if baseline > 0.0 else "the stock recipe has 0"
    measured = f"{times}; {rest:.2f} of the rest"
    return Target(name, asked, measured, ratio >= TIMES_BASELINE or rest >= SHARE_OF_THE_REST)


def compared(map50: float, baseline: float) -> tuple[float, float]:
    """(times the baseline's mAP50, share gained of what the baseline lacks to 1)."""
    ratio = map50 / baseline if baseline > 0.0 else float("inf")
    rest = (map50 - baseline) / (1.0 - baseline) if baseline < 1.0 else 0.0
    return ratio, rest


def words(targets: Sequence[Target]) -> tuple[tuple[str, ...], ...]:
    """Rows for the page."""
    verdict = {True: "met", False: "missed", None: "–"}
    return tuple((one.name, one.asked, one.measured, verdict[one.met]) for one in targets)
