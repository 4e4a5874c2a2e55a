"""Reading the tables of this folder: sampling plans and the formula of volume hardness, checked.

Limits are data with a source: what is in here is in the YAML files beside this module, each part with
`source` and `verified`. Neighbours: `vision.statistics.sampling_plans`, `edge_runtime.lots.hardness`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_runtime import strict_yaml
from vision.errors import ConfigError
from vision.statistics.sampling_plans import RepeatPlan, SamplingScheme

_Kind = TypeVar("_Kind", bound=BaseModel)
_FOLDER = Path(__file__).parent
#: Where on the way from the surface to the centre a ball's hardness is read.
Depth = Literal["surface", "quarter", "half", "three_quarter", "centre"]
DEPTHS: tuple[Depth, ...] = ("surface", "quarter", "half", "three_quarter", "centre")


class VolumeHardness(BaseModel):
    """The formula of volume hardness: weights of the depths, which sum to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    weights: dict[Depth, Annotated[float, Field(gt=0.0, lt=1.0)]]
    readings_per_depth: Annotated[int, Field(ge=3)]
    source: Annotated[str, Field(min_length=3)]
    verified: Annotated[bool, Field(strict=True)]

    @model_validator(mode="after")
    def _weights_are_whole(self) -> VolumeHardness:
        if tuple(self.weights) != DEPTHS or abs(sum(self.weights.values()) - 1.0) > 1e-9:
            raise ValueError(f"weights must name {', '.join(DEPTHS)} and sum to 1")
        return self


class AcceptanceTables(BaseModel):
    """`acceptance.yaml`; readings outside `hardness_hrc_min`..`hardness_hrc_max` are typing errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    repeat_plan: RepeatPlan
    volume_hardness: VolumeHardness
    hardness_hrc_min: float
    hardness_hrc_max: float


@cache
def acceptance_tables(path: Path | None = None) -> AcceptanceTables:
    """The lab's own plan and formula, from a file of the plant's own or the one that comes with ferrogate.

    Raises:
        ConfigError: the file cannot be read or does not fit.
    """
    return _checked(AcceptanceTables, path or _FOLDER / "acceptance.yaml")


@cache
def sampling_scheme(path: Path | None = None) -> SamplingScheme:
    """The sampling plans by AQL, from a file of the plant's own or the one that comes with ferrogate.

    Raises:
        ConfigError: the file cannot be read or does not fit.
    """
    return _checked(SamplingScheme, path or _FOLDER / "iso_2859_1.yaml")


def _checked(kind: type[_Kind], path: Path) -> _Kind:
    try:
        return kind.model_validate(_read(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{place}: {first['msg']}", where=str(path), todo="correct the table") from error


def _read(path: Path) -> Any:
    try:
        return strict_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the table cannot be read: {error}", where=str(path), todo="restore the file"
        ) from error
