"""Costs of mistakes, from which thresholds follow: `costs.yaml`, or a plant's own file of that form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from datasets.scoring.calibration import Station
from vision.errors import ConfigError

DEFAULT_FILE = Path(__file__).with_name("costs.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LabelCosts(_Strict):
    """Of one label, in any currency: only the ratio counts."""

    cost_escape: float = Field(gt=0.0)
    cost_false_reject: float = Field(gt=0.0)
    plant_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of the plant's views or pictures that show the label; None: as in the val split."""

    @property
    def probability_limit(self) -> float:
        """Probability from which rejecting is the cheaper mistake."""
        return self.cost_false_reject / (self.cost_false_reject + self.cost_escape)


class StationCosts(_Strict):
    """Of one station: a default, and labels that differ."""

    source: str
    verified: bool
    default: LabelCosts
    labels: dict[str, LabelCosts] = {}
    sound_balls_lost_max: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Largest share of sound balls that one label may throw out; None: costs alone decide. Balls only."""

    def of(self, label: str) -> LabelCosts:
        """The costs of a label."""
        return self.labels.get(label, self.default)


class _CostFile(_Strict):
    schema_version: Annotated[int, Field(ge=1, le=1)]
    ball: StationCosts
    rail: StationCosts

    @model_validator(mode="after")
    def _rails_are_no_balls(self) -> _CostFile:
        if self.rail.sound_balls_lost_max is not None:
            raise ValueError("'sound_balls_lost_max' belongs to the ball station")
        return self


def load_costs(path: Path | None, station: Station) -> StationCosts:
    """Read a station's costs.

    Args:
        path: a file like `costs.yaml`; None: that one.
        station: which part of it.

    Raises:
        ConfigError: it cannot be read, or does not fit.
    """
    path = path or DEFAULT_FILE
    try:
        content = _CostFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the costs cannot be read: {error}", where=str(path), todo="give a YAML file with --costs"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigError(
            f"the costs do not fit: {key}: {first['msg']}", where=str(path), todo=f"see {DEFAULT_FILE.name}"
        ) from error
    return content.ball if station == "ball" else content.rail
