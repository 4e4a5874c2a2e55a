"""What is kept of a commissioning while it lasts: one JSON file, read again after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_runtime.commission.shown import StepResult
from vision.errors import ConfigError

STATE_FILE = "state.json"


class SavedState(BaseModel):
    """Results of all steps so far; wall-clock times are for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    station: str
    draft: str
    begun_utc_ns: int
    saved_utc_ns: int
    results: tuple[StepResult, ...] = ()

    def result(self, step: str) -> StepResult | None:
        """Result of a step, None where it is open."""
        return next((item for item in self.results if item.step == step), None)

    @property
    def not_in_order(self) -> tuple[StepResult, ...]:
        """Steps that were skipped or ended red."""
        return tuple(item for item in self.results if item.status in ("skipped", "failed"))


def load_state(path: Path, station: str) -> SavedState | None:
    """State of an earlier start, None where there is none.

    Raises:
        ConfigError: the file cannot be read, or is of another station.
    """
    try:
        state = SavedState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"the state of an earlier commissioning cannot be read: {error}",
            where=str(path),
            todo="move the file away to begin anew",
        ) from error
    if state.station != station:
        raise ConfigError(
            f"an unfinished commissioning of station '{state.station}' lies here",
            where=str(path),
            todo="finish it, or move the file away",
        )
    return state
