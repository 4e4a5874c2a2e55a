"""Leads the engine through all steps without asking: for unattended runs, for the twin, and for tests.

What a person would do with the hands is done by `Hands` (on the twin: `twin_hands`); on a plant nobody's
hands are here, and the attendant only presses on when a step asks whether it is done. Answers and steps to
skip come from a file. Neighbours: `terminal` asks a person instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime import strict_yaml
from edge_runtime.commission.engine import Engine
from edge_runtime.commission.shown import Show
from vision.errors import ConfigError


class Answers(BaseModel):
    """What a technician has decided beforehand.

    Attributes:
        by: who commissions.
        calibration: file for each camera whose draft names none.
        skip: reason for each step that is not done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = ""
    calibration: dict[str, Path] = Field(default_factory=dict)
    skip: dict[str, str] = Field(default_factory=dict)


def load_answers(path: Path) -> Answers:
    """Read an answers file (YAML).

    Raises:
        ConfigError: unreadable, or not what is needed.
    """
    try:
        return Answers.model_validate(strict_yaml.load(path.read_text(encoding="utf-8")) or {})
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the answers cannot be used: {error}",
            where=str(path),
            todo="it may hold 'by', 'calibration' (camera: file) and 'skip' (step: reason)",
        ) from error


class Hands(Protocol):
    """What a technician does at the line."""

    def follow(self, step: str, show: Show) -> bool:
        """Do what is shown; True once it is done as far as the hands can tell."""


class NoHands:
    """A person at the line does it; nothing can be told from here."""

    def follow(self, step: str, show: Show) -> bool:
        """Always."""
        return True


class Attendant:
    """Call `step` after every tick of the engine.

    Args:
        engine: the commissioning.
        hands: what is done at the line.
        answers: what was decided beforehand.
    """

    def __init__(self, engine: Engine, hands: Hands, answers: Answers) -> None:
        self._engine = engine
        self._hands = hands
        self._answers = answers
        self._last = ""

    @property
    def finished(self) -> bool:
        """Every step is passed or skipped, or one has ended red."""
        return self._engine.running is None and (self._engine.next_step() is None or self.failed != "")

    @property
    def failed(self) -> str:
        """The step that ended red, '' for none."""
        result = self._engine.results.get(self._last)
        return self._last if result is not None and result.status == "failed" else ""

    def step(self) -> None:
        """Begin what is next, or follow what is shown."""
        running = self._engine.running
        if running is not None:
            self._follow(*running)
            return
        if self.finished:
            return
        following = self._engine.next_step()
        if following is None:
            return
        self._last = following
        reason = self._answers.skip.get(following, "")
        if reason:
            self._engine.act(following, "skip", {"reason": reason}, self._answers.by)
        else:
            self._engine.act(following, "begin", {}, self._answers.by)

    def _follow(self, step: str, show: Show) -> None:
        if not self._hands.follow(step, show):
            return
        if "done" in show.asks:
            self._engine.act(step, "answer", {"name": "done"}, self._answers.by)
        elif "path" in show.asks:
            path = self._answers.calibration.get(show.camera)
            tried = show.values.get("detail")
            if path is not None and not tried:
                values = {"name": "path", "value": str(path)}
            else:
                values = {"name": "without"}
            self._engine.act(step, "answer", values, self._answers.by)
