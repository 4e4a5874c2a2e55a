"""The twin's own record: truth.jsonl, one JSON object a line, only ever appended.

Rows have `event`, `t_ns` (monotonic) and `encoder` (endless count). Events: start,
ball_entered, ball (its final row), fault, operator_reset, button, key, encoder_wrap, belt,
false_pulse, challenge_refused, end. Only the auditor and the demo's figures read it, never the station.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets.synthetic.bank import FormTruth
from edge_runtime.twin.balls import PlannedBall
from edge_runtime.twin.segments import SegmentedLog
from vision.contract import BALL_LABELS

FLUSH_NS = 100_000_000


class TruthLog:
    """Appends rows; `flush_due` is called often and writes at least every 0.1 s.

    Args:
        path: of the first file.
        segment_mb: it goes on in a new file after that many MB (see `segments`); 0: never.
    """

    def __init__(self, path: Path, segment_mb: float = 0.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = SegmentedLog(path, segment_mb)
        self._flushed_ns = 0

    def write(self, event: str, t_ns: int, encoder: int, **fields: Any) -> None:
        """Append one row."""
        row = {"event": event, "t_ns": t_ns, "encoder": encoder} | fields
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def flush_due(self, now_ns: int) -> None:
        """Hand rows to the operating system when the last time is long enough ago."""
        if now_ns - self._flushed_ns >= FLUSH_NS:
            self._file.flush()
            self._flushed_ns = now_ns

    def close(self) -> None:
        """Write what is left and close."""
        self._file.close()


def form_mm(ball: PlannedBall, form: FormTruth | None) -> dict[str, float]:
    """Form of one view in mm at 20 degC, as fields of an exposure; none where the bank does not know it."""
    if form is None:
        return {}
    return {
        "feret_min_mm": round(form.feret_min_share * ball.size_mm, 4),
        "feret_max_mm": round(form.feret_max_share * ball.size_mm, 4),
        "feret_mean_mm": round(form.feret_mean_share * ball.size_mm, 4),
        "roundness_mm": round(form.ront_share * ball.size_mm, 4),
    }


@dataclass(slots=True)
class BallRecord:
    """What happens to one ball, collected until it leaves.

    Attributes:
        ball: as planned.
        centre_count: endless count (with fraction) at which its centre is at the photo-eye.
        exposures: one object for each exposure in which it was wholly visible; `fault` is
            '' when the picture was delivered in time and as taken.
        place: 'accept', 'reject', or '' while on the belt.
        flap: the gate's flap as it passed, 0 reject to 1 accept.
    """

    ball: PlannedBall
    centre_count: float
    entered_ns: int
    exposures: list[dict[str, Any]] = field(default_factory=list)
    eye_pulses: int = 0
    confirm_pulses: int = 0
    place: str = ""
    placed_ns: int | None = None
    placed_encoder: int | None = None
    flap: float | None = None

    @property
    def hidden(self) -> bool:
        """A defect of the surface or form of which no view showed a single pixel."""
        if self.ball.label not in BALL_LABELS:
            return False
        return all(exposure["defect_px"] == 0 for exposure in self.exposures)

    def entered_row(self) -> dict[str, Any]:
        """Fields of its first row."""
        ball = self.ball
        return {
            "ball": ball.number,
            "lane": ball.lane,
            "label": ball.label,
            "good": ball.good,
            "bank_ball": ball.bank.ball,
            "d_mean_mm": round(ball.d_mean_mm, 4),
            "d_min_mm": round(ball.d_min_mm, 4),
            "d_max_mm": round(ball.d_max_mm, 4),
            "centre_count": round(self.centre_count, 3),
            "lateral_mm": round(ball.lateral_mm, 3),
            "celsius": round(ball.celsius, 2),
            "pyrometer_celsius": round(ball.pyrometer_celsius, 2),
            "d_hot_mean_mm": round(ball.d_mean_mm * ball.hot_gain, 4),
            "flakes": len(ball.flakes),
            "challenge": ball.challenge,
        }

    def final_row(self) -> dict[str, Any]:
        """Fields of its last row; a superset of the first."""
        return self.entered_row() | {
            "entered_ns": self.entered_ns,
            "place": self.place or "on_belt",
            "placed_ns": self.placed_ns,
            "placed_encoder": self.placed_encoder,
            "flap": None if self.flap is None else round(self.flap, 3),
            "eye_pulses": self.eye_pulses,
            "confirm_pulses": self.confirm_pulses,
            "hidden": self.hidden,
            "max_defect_px": max((exposure["defect_px"] for exposure in self.exposures), default=0),
            "exposures": self.exposures,
        }
