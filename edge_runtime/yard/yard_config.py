"""The rail yard's station file: one YAML file, typed, unknown keys forbidden.

`load_rail_station` reads and checks it. Neighbours: `edge_runtime.config` does the same for the ball line and
shares detector and page; `station_main` is the process that works by it, `station_intake` looks after the
places that rails come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge_runtime.camera_config import Strict
from edge_runtime.config import DetectorConfig, load_station, read_settings, station_kind, validated
from edge_runtime.day_config import PageConfig
from edge_runtime.yard.recipe_file import YARD_RECIPE
from vision.rail_map.types import ScanCamera, ScanGeometry

#: an encoder's count may wrap at most once between two frames: a frame is metres, a wrap must be more
_LEAST_WRAP_MM = 2000.0


class EncoderConfig(Strict):
    """The encoder at the conveyor: counts per mm of rail, and the width of its counter."""

    counts_per_mm: Annotated[float, Field(gt=0.0, le=1000.0)]
    bits: Annotated[int, Field(ge=8, le=64)] = 16

    @model_validator(mode="after")
    def _wraps_late_enough(self) -> EncoderConfig:
        wrap_mm = 2**self.bits / self.counts_per_mm
        if wrap_mm < _LEAST_WRAP_MM:
            raise ValueError(
                f"the count wraps every {wrap_mm:.0f} mm; below {_LEAST_WRAP_MM:.0f} mm two frames cannot be "
                "told apart: give fewer counts_per_mm or more bits"
            )
        return self


class WatchedFolder(Strict):
    """A folder into which a scanner drops finished scans, each a folder of its own.

    A scan is finished when its folder came here by rename, or holds a file `scan.done`. A name that begins
    with a dot or ends in `.part` is not looked at. With `marker` only `scan.done` counts.
    """

    type: Literal["watch"] = "watch"
    path: Path
    marker: bool = Field(default=False, description="true: scans are written in place and end in scan.done")
    settle_s: Annotated[float, Field(ge=0.0, le=3600.0)] = Field(
        default=2.0, description="without marker: nothing in the folder may have changed for so long"
    )


class Recording(Strict):
    """A folder of frames that lies there already; every rail in it is taken up once and stays where it is."""

    type: Literal["recording"] = "recording"
    path: Path
    pattern: str | None = Field(
        default=None,
        description="where there is no table: 'rail400', or a regular expression of file names with the "
        "groups frame, camera, rail",
    )
    rails: tuple[str, ...] = Field(default=(), description="only these; none named: all there are")


ScanSource = Annotated[WatchedFolder | Recording, Field(discriminator="type")]


class YardStorage(Strict):
    """Where maps, pictures and books are kept, and for how long.

    `keep_scans_days`: frames as they came, of rails that are mapped; maps, findings and acts are kept for
    ever. 0: frames go as soon as the rail is mapped. None: they are never removed.
    """

    folder: Path
    database_url: str | None = Field(default=None, description="default: SQLite in the folder")
    keep_scans_days: Annotated[float, Field(ge=0.0, le=36500.0)] | None = 30.0
    min_free_mb: Annotated[int, Field(ge=10)] = Field(
        default=500, description="with less room on the disk no rail is begun, and that is said"
    )


class SecondLook(Strict):
    """Share of rails' stretches without a finding that a person is asked to look at, drawn at random."""

    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05


class RailStationConfig(Strict):
    """One rail station file."""

    schema_version: Literal[1] = 1
    station: Literal["rail"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    recipe: Path | None = Field(
        default=None, description="a yard recipe; null, or yard_default: the one that comes with ferrogate"
    )
    detector: DetectorConfig = DetectorConfig(model="ferrogate-models:rail")
    cameras: tuple[ScanCamera, ...] = Field(min_length=1)
    encoder: EncoderConfig | None = Field(default=None, description="null: frames are laid by their numbers")
    row_mm: Annotated[float, Field(gt=0.0, le=20.0)] | None = Field(
        default=None, description="height of a strip's row; null: the first camera's mm_per_px"
    )
    scans: tuple[ScanSource, ...] = Field(min_length=1)
    storage: YardStorage
    second_look: SecondLook = SecondLook()
    page: PageConfig | None = Field(default=PageConfig(), description="null: no page")

    @model_validator(mode="after")
    def _fits_together(self) -> RailStationConfig:
        names = [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError(f"camera names repeat: {names}")
        if not any(camera.inspected for camera in self.cameras):
            raise ValueError("cameras: none of them is inspected, so nothing would ever be seen")
        if self.encoder is not None and self.row_mm is None and self.cameras[0].mm_per_px is None:
            raise ValueError(
                "encoder: counts become rows by row_mm or by the first camera's mm_per_px: give one of them"
            )
        places = [source.path for source in self.scans if isinstance(source, WatchedFolder)]
        if len(set(places)) != len(places):
            raise ValueError(f"scans: a watched folder stands twice: {[str(place) for place in places]}")
        return self

    @property
    def geometry(self) -> ScanGeometry:
        """What the station knows of cameras and encoder, as laying out takes it."""
        return ScanGeometry(
            counts_per_mm=None if self.encoder is None else self.encoder.counts_per_mm,
            count_bits=16 if self.encoder is None else self.encoder.bits,
            row_mm=self.row_mm,
            cameras=self.cameras,
        )


def load_rail_station(path: Path) -> RailStationConfig:
    """Read and check a rail station file; relative paths in it are taken from its folder.

    Raises:
        ConfigError: unreadable, not YAML, of a ball station, unknown keys, values that cannot be.
    """
    config = validated(RailStationConfig, read_settings(path, "station file"), path, "rail-station file")
    base = path.resolve().parent
    model = config.detector.model
    if not model.startswith("ferrogate-models:"):
        model = str(base / model)
    recipe = config.recipe if config.recipe in (None, Path(YARD_RECIPE)) else base / config.recipe
    storage = config.storage.model_copy(update={"folder": base / config.storage.folder})
    scans = tuple(source.model_copy(update={"path": base / source.path}) for source in config.scans)
    return config.model_copy(
        update={
            "recipe": recipe,
            "storage": storage,
            "scans": scans,
            "detector": config.detector.model_copy(update={"model": model}),
        }
    )


def storage_of(path: Path) -> tuple[Path, str | None]:
    """(storage folder, database address or None) of a station file of either kind.

    Raises:
        ConfigError: the file cannot be used.
    """
    storage = load_rail_station(path).storage if station_kind(path) == "rail" else load_station(path).storage
    return storage.folder, storage.database_url
