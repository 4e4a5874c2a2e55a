"""The last configuration that reached Ready, kept whole, to be offered when a newer one does not.

Station file, recipe, calibrations and model are copied into `<storage>/last_good` once a station is Ready
with them. Nothing goes back to them by itself: a person starts `ferrogate run
<storage>/last_good/station.yaml`, or puts right what is wrong; until then the line rejects. Neighbour: the
supervisor keeps and offers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from edge_runtime import strict_yaml
from edge_runtime.config import StationConfig, load_recipe
from edge_runtime.models import read_model
from edge_runtime.whole_file import whole_file
from vision.errors import ConfigError, LedgerError

FOLDER = "last_good"
STATION_FILE, _FACTS_FILE = "station.yaml", "facts.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept.

    Attributes:
        station_file: to be started.
        fingerprint: of all that it consists of.
        utc: when it was first Ready, ISO 8601.
        origin: station file that it was made of.
    """

    station_file: Path
    fingerprint: str
    utc: str
    origin: str

    @property
    def offer(self) -> str:
        """What a person may do."""
        return (
            f"the line rejects until it is Ready: correct the files, or go back by hand to what was Ready on "
            f"{self.utc}: ferrogate run {self.station_file}"
        )


def kept(storage: Path) -> Kept | None:
    """What is kept in a storage folder; None where nothing is, or not whole."""
    folder = storage / FOLDER
    try:
        facts = json.loads((folder / _FACTS_FILE).read_text(encoding="utf-8"))
        found = Kept(
            folder / STATION_FILE, str(facts["fingerprint"]), str(facts["utc"]), str(facts["origin"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.station_file.is_file() else None


def kept_for(station_file: Path) -> Kept | None:
    """What is kept of a station whose file may be wrong in everything but the name of its storage folder."""
    try:
        data = strict_yaml.load(station_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    storage = data.get("storage") if isinstance(data, Mapping) else None
    folder = storage.get("folder") if isinstance(storage, Mapping) else None
    return kept(station_file.resolve().parent / folder) if isinstance(folder, str) else None


def fingerprint(config: StationConfig) -> str:
    """Hash of all that a configuration consists of, wherever its files lie.

    Raises:
        ConfigError, ContractError: one of them cannot be read.
    """
    return _hash_of(config, _contents(config))


def keep(config: StationConfig, origin: Path, now: datetime) -> Kept:
    """Keep a configuration with which the station is Ready now; the one before goes once it is whole.

    Raises:
        ConfigError, ContractError: one of its files cannot be read.
        LedgerError: it cannot be written.
    """
    contents = _contents(config)
    mark = _hash_of(config, contents)
    before = kept(config.storage.folder)
    if before is not None and before.fingerprint == mark:
        return before
    folder = config.storage.folder / FOLDER
    beside = folder.with_name(f".{FOLDER}.new")
    station_file = _without_paths(config) | {"storage": config.storage.model_dump(mode="json")}
    station_file["storage"]["folder"] = str(config.storage.folder.resolve())
    if config.recipes is not None:
        station_file["recipes"] = str(config.recipes.resolve())
    station_file["recipe"] = "recipe.yaml"
    station_file["detector"]["model"] = str(folder.resolve() / "model.onnx")
    for camera in station_file["cameras"]:
        if f"{camera['name']}.calibration.yaml" in contents:
            camera["geometry"]["calibration"] = f"{camera['name']}.calibration.yaml"
    facts = {
        "fingerprint": mark,
        "utc": now.astimezone(UTC).isoformat(timespec="seconds"),
        "origin": str(origin.resolve()),
    }
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        files = contents | {STATION_FILE: yaml.safe_dump(station_file, sort_keys=False).encode("utf-8")}
        # The facts last: without them nothing is kept.
        for name, data in (files | {_FACTS_FILE: json.dumps(facts).encode("utf-8")}).items():
            with whole_file(beside / name) as part:
                part.write_bytes(data)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        raise LedgerError(
            f"the configuration cannot be kept: {error.strerror or error}",
            where=str(folder),
            todo="see whether the disk is full; the line runs on",
        ) from error
    return Kept(folder / STATION_FILE, mark, facts["utc"], facts["origin"])


def _contents(config: StationConfig) -> dict[str, bytes]:
    """The files that a configuration names, under the names that they are kept by."""
    recipe = load_recipe(config.recipe).model_dump(mode="json")
    found = {
        "recipe.yaml": yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).encode("utf-8"),
        "model.onnx": read_model(config.detector.model).data,
    }
    for camera in config.cameras:
        path = camera.geometry.calibration
        if path is not None:
            try:
                found[f"{camera.name}.calibration.yaml"] = path.read_bytes()
            except OSError as error:
                raise ConfigError(
                    f"a calibration cannot be read: {error.strerror or error}",
                    where=str(path),
                    todo="put the file back",
                ) from error
    return found


def _without_paths(config: StationConfig) -> dict[str, Any]:
    """The station file's values without the places of files."""
    data: dict[str, Any] = config.model_dump(mode="json")
    data["recipe"] = data["recipes"] = data["storage"] = None
    data["detector"]["model"] = None
    for camera in data["cameras"]:
        camera["geometry"]["calibration"] = None
    return data


def _hash_of(config: StationConfig, contents: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256(json.dumps(_without_paths(config), sort_keys=True).encode("utf-8"))
    for name, data in sorted(contents.items()):
        whole.update(name.encode("utf-8") + hashlib.sha256(data).digest())
    return whole.hexdigest()
