"""The twin line under a clock of its own, with nothing but a heartbeat and a belt contact for a PLC."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from edge_runtime.twin.field import EdgeReader, EyeEdge, Field, LineState, Word
from edge_runtime.twin.line import Line
from edge_runtime.twin.settings import LineSettings
from edge_runtime.twin.truth import TruthLog

TICK_NS = 1_000_000


def line_settings(tmp_path: Path, bank_dir: Path, **changes: Any) -> LineSettings:
    """Settings of a short run."""
    name = f"fg-test-{os.getpid()}-{tmp_path.name}"
    base = {
        "run_dir": tmp_path,
        "bank_dir": bank_dir,
        "field_name": f"{name}-field",
        "ring_prefix": name,
        "n_balls": 20,
        "settle_d": 6.0,
        "seed": 5,
    }
    return LineSettings.model_validate(base | changes)


def truth_rows(settings: LineSettings, event: str) -> list[dict[str, Any]]:
    """Rows of one event in the run's truth."""
    lines = settings.truth_path.read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["event"] == event]


class Bench:
    """A line under a clock of its own, with a PLC made of a heartbeat, a belt contact and one gate output."""

    def __init__(self, settings: LineSettings) -> None:
        self.settings = settings
        self.field = Field.create(settings.field_name)
        self.truth = TruthLog(settings.truth_path)
        self.now_ns = 1_000_000_000
        self.line = Line(settings, self.field, self.truth, self.now_ns)
        self.eyes = EdgeReader(self.field)
        self.edges: list[EyeEdge] = []
        self.encoder: list[int] = []
        self.resets = 0
        self.field.set(Word.START_REQUEST, 1)
        self.enable = True

    def rows(self, event: str) -> list[dict[str, Any]]:
        """Rows of one event in the truth so far."""
        self.truth.flush_due(self.now_ns + 10**9)
        return truth_rows(self.settings, event)

    def gate(self, energised: bool) -> None:
        """The PLC's output."""
        self.field.set(Word.GATE_ENERGISED + self.settings.lane, int(energised))
        self.field.set(Word.GATE_CHANGED_NS + self.settings.lane, self.now_ns)

    def run(self, seconds: float, *, plc: bool = True) -> bool:
        """Run on; True once the line has ended."""
        for _ in range(round(seconds * 1000)):
            self.now_ns += TICK_NS
            if plc:
                self.field.scanned(self.now_ns, round(self.settings.gate_watchdog_ms * 1e6))
            self.field.set(Word.BELT_ENABLE, int(self.enable))
            self.line.advance(self.now_ns)
            self.edges += self.eyes.take()
            self.encoder.append(self.field.get(Word.ENCODER))
            if self.line.state == LineState.ENDED:
                return True
        return False

    def close(self) -> None:
        """Remove everything."""
        self.line.close(self.now_ns)
        self.truth.close()
        self.field.close()
