"""Checks of a rail yard's station: its file, recipe, model, folders, scans, books, page.

Everything is done the way the station does it at its start, with the same functions. Nothing is created,
moved, migrated or written. Neighbours: `station` does the same for a ball line and shares what both have.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.doctor import station as line
from edge_runtime.doctor.report import Check, fail, failed_by, ok, warn
from edge_runtime.ledger.store import ledger_url
from edge_runtime.page.process import bind
from edge_runtime.yard.map_run import MapTools
from edge_runtime.yard.recipe_file import YARD_RECIPE, load_yard_recipe
from edge_runtime.yard.scan_files import chosen, read_scans
from edge_runtime.yard.station_intake import ASIDE, DONE, SCANS
from edge_runtime.yard.station_run import open_detector, require_labels
from edge_runtime.yard.station_status import YardStatus, read_status
from edge_runtime.yard.station_work import RAILS
from edge_runtime.yard.yard_config import (
    RailStationConfig,
    Recording,
    WatchedFolder,
    YardStorage,
    load_rail_station,
)
from vision.errors import FerrogateError
from vision.yard.recipe import YardRecipe

_WARM_RUNS = 3
#: Folders that the station makes in its storage folder.
_OWN_FOLDERS = (RAILS, SCANS, DONE, ASIDE, "photos", "page_cache")


def check_scale(config: RailStationConfig) -> Check:
    """Whether places on a rail come out in metres."""
    geometry = config.geometry
    if geometry.row_mm is None and geometry.cameras[0].mm_per_px is None:
        return warn(
            "scale",
            "none: places are rows, nothing is in mm, there is no cut list, and no rail is ever clear",
            "measure it, and give each camera its mm_per_px (and the encoder its counts_per_mm)",
        )
    row_mm = geometry.row_mm or geometry.cameras[0].mm_per_px
    if geometry.counts_per_mm is None:
        return warn(
            "scale",
            f"{row_mm:g} mm a row, no encoder: every row is taken to be as high as the scale says",
            "give the encoder's counts_per_mm, or drive the conveyor at one speed and check lengths",
        )
    return ok("scale", f"{row_mm:g} mm a row, {geometry.counts_per_mm:g} counts a mm")


def check_recipe(config: RailStationConfig) -> tuple[list[Check], YardRecipe | None]:
    """The recipe is there and sound; which of its figures nobody has compared with their source."""
    try:
        recipe = load_yard_recipe(config.recipe)
    except FerrogateError as error:
        return [failed_by("recipe", error)], None
    name = YARD_RECIPE if config.recipe is None else config.recipe.name
    text = f"{recipe.product}, {len(recipe.kinds)} kinds ({name}, {recipe.sha256()[:12]})"
    return [ok("recipe", text), line.unverified_check(recipe.unverified())], recipe


def check_model(config: RailStationConfig, recipe: YardRecipe | None) -> list[Check]:
    """The model is one for rails, the recipe knows its labels, and it runs."""
    try:
        detector = open_detector(config.detector)
        if recipe is not None:
            require_labels(MapTools(detector, recipe), config.recipe)
        start = time.perf_counter()
        detector.warm_up(_WARM_RUNS)
        each_ms = (time.perf_counter() - start) * 1000.0 / _WARM_RUNS
    except FerrogateError as error:
        return [failed_by("model", error)]
    contract = detector.contract
    size = f"{contract.input.width_px}x{contract.input.height_px}"
    labels = ", ".join(contract.labels)
    checks = [
        ok("model", f"{Path(config.detector.model).name}, {labels} at {size} px, {each_ms:.1f} ms a tile"),
        ok("model sha256", detector.sha256),
        ok("model licence", f"{contract.licence}; data: {', '.join(contract.data_terms) or 'none stated'}"),
    ]
    if detector.provider_note:
        todo = "install that provider, or set detector.provider to the one that is meant"
        return [*checks, warn("provider", detector.provider_note, todo)]
    return [*checks, ok("provider", detector.provider)]


def check_storage(storage: YardStorage, free_mb: float | None = None) -> Check:
    """The storage folder and what the station keeps in it can be written, and there is room for a rail."""
    for place in (storage.folder, *(storage.folder / name for name in _OWN_FOLDERS)):
        fault = line.place_fault(place)
        if fault is not None:
            return fault
    if free_mb is None:
        free_mb = shutil.disk_usage(line.standing(storage.folder)).free / 1e6
    text = f"{free_mb:,.0f} MB free for {storage.folder}"
    if free_mb < storage.min_free_mb:
        return fail(
            "storage",
            f"{text}, and min_free_mb asks for {storage.min_free_mb:,}: no rail would be begun",
            "make room: frames in scans/ of rails that are in done/ first, never rails/ or the ledger",
        )
    return ok("storage", text)


def check_scans(config: RailStationConfig) -> Iterator[Check]:
    """Every place that rails come from is there and can be read; a watched one can be emptied, too."""
    sources = config.scans
    there = any(source.path.is_dir() for source in sources)
    for source in sources:
        name = f"scans {source.path.name}"
        if not source.path.is_dir():
            text = f"{source.path} is not there; the station looks for it again until it is"
            todo = "make the folder, mount its disk, or correct 'scans' in the station file"
            yield warn(name, text, todo) if there else fail(name, text, todo)
        elif isinstance(source, Recording):
            yield _recording(name, source, config)
        else:
            yield _watched(name, source)


def _recording(name: str, source: Recording, config: RailStationConfig) -> Check:
    try:
        scans = read_scans(source.path, pattern=source.pattern, geometry=config.geometry)
        scans = chosen(scans, source.rails, source.path)
    except FerrogateError as error:
        return failed_by(name, error)
    except OSError as error:
        return _unreadable(name, source.path, error)
    frames = sum(len(scan.entries) for scan in scans)
    missing = sum(entry.path is None for scan in scans for entry in scan.entries)
    text = f"a recording of {len(scans)} rail(s), {frames} frames"
    if missing:
        todo = "copy the recording anew; what stays missing is reported as not seen"
        return warn(name, f"{text}, {missing} of them without a picture", todo)
    return ok(name, text)


def _watched(name: str, source: WatchedFolder) -> Check:
    try:
        waiting = sum(path.is_dir() for path in source.path.iterdir())
    except OSError as error:
        return _unreadable(name, source.path, error)
    if not os.access(source.path, os.W_OK | os.X_OK):
        return fail(
            name,
            f"{source.path} cannot be written: finished scans are moved out of it",
            f"give this user the right to write in {source.path}",
        )
    return ok(name, f"watched, {waiting} folder(s) in it now")


def _unreadable(name: str, path: Path, error: OSError) -> Check:
    why = error.strerror or str(error)
    return fail(name, f"{path} cannot be read: {why}", f"give this user the right to read {path}")


def check_page(config: RailStationConfig, status: YardStatus | None, now_utc_ns: int) -> Check:
    """The page's port is free, or it is this very station that holds it."""
    page = config.page
    if page is None:
        return ok("page", "none: 'page: null' in the station file")
    place = f"{page.host}:{page.port}"
    try:
        bind(page).close()
    except FerrogateError as error:
        if status is not None and status.alive(now_utc_ns):
            return ok("page", f"{place} is taken; this station runs already (process {status.pid})")
        return failed_by("page", error)
    return ok("page", f"{place} is free")


def all_checks(path: Path) -> Iterator[Check]:
    """Every check of the station that the file describes; only the first when the file itself is wrong."""
    try:
        config = load_rail_station(path)
    except FerrogateError as error:
        yield failed_by("station file", error)
        return
    cameras = ", ".join(camera.name for camera in config.cameras)
    yield ok("station file", f"{config.name}, a rail yard's; cameras: {cameras}")
    yield check_scale(config)
    checks, recipe = check_recipe(config)
    yield from checks
    yield check_storage(config.storage)
    yield line.check_ledger(ledger_url(config.storage.folder, config.storage.database_url))
    yield from check_scans(config)
    yield from line.check_models_installed(config.detector.model, line.models_version())
    yield from check_model(config, recipe)
    yield check_page(config, read_status(config.storage.folder), time.time_ns())
