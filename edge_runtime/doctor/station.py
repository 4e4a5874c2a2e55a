"""Checks of one station: its file, recipe, storage, ledger, model; then its devices.

Everything is done the way the station does it at its start, with the same functions,
so that what passes here passes there. Nothing is created, migrated or written.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from edge_runtime.config import DetectorConfig, StationConfig, StorageConfig, load_recipe, load_station
from edge_runtime.doctor import devices
from edge_runtime.doctor.report import Check, fail, failed_by, ok, warn
from edge_runtime.ledger.store import ledger_url, schema_versions, shown_url
from edge_runtime.models import SHIPPED_PREFIX
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.session import open_detector
from vision.errors import FerrogateError
from vision.judge import require_labels
from vision.recipe import BallRecipe

MODELS_DISTRIBUTION = "ferrogate-models"
#: Journal, ledger and their write-ahead logs for weeks; pictures have a budget of their own.
BOOKS_MB = 500
#: Below this the station itself soon refuses to start.
DISK_MIN_MB = 200
_WARM_RUNS = 5


def check_recipe(recipe: BallRecipe, path: Path) -> list[Check]:
    """What product, and which limits nobody has compared with their source."""
    text = f"{recipe.product}, {recipe.size_label} ({path.name}, {recipe.sha256()[:12]})"
    return [ok("recipe", text), unverified_check(recipe.unverified())]


def unverified_check(names: Sequence[str]) -> Check:
    """Which limits of a recipe nobody has compared with their source."""
    if not names:
        return ok("recipe limits", "every limit was compared with its source")
    return warn(
        "recipe limits",
        f"{len(names)} not verified: {', '.join(names)}",
        "compare each with the document in its 'source', then write 'verified: true' beside it",
    )


def check_scales(config: StationConfig, recipe: BallRecipe, today: date) -> list[Check]:
    """What turns pixels of each camera into mm, and whether it counts today."""
    checks = []
    try:
        scales = Gauges(config, recipe, today).facts()
    except FerrogateError as error:
        return [failed_by("calibration", error)]
    for scale in scales:
        text = scale.text()
        if scale.calibration_sha256 and not scale.unverified:
            checks.append(ok("calibration", text))
        elif scale.calibration_sha256:
            todo = "compare the coefficient of expansion with the steel's data sheet, then calibrate with it"
            checks.append(warn("calibration", text, todo))
        else:
            todo = "calibrate the camera: 'ferrogate calibrate scale'"
            checks.append(warn("calibration", text, todo))
    return checks


def standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def place_fault(folder: Path) -> Check | None:
    """Why nothing can be written in a folder, which need not be there yet; None where it can."""
    place = standing(folder)
    if not place.is_dir():
        return fail("storage", f"{place} is not a folder", "correct storage.folder in the station file")
    if not os.access(place, os.W_OK | os.X_OK):
        return fail("storage", f"{place} cannot be written", f"give this user the right to write in {place}")
    return None


def check_storage(storage: StorageConfig, free_mb: float | None = None) -> Check:
    """The folder can be written and has room for the books and the picture budget."""
    fault = place_fault(storage.folder)
    if fault is not None:
        return fault
    if free_mb is None:
        free_mb = shutil.disk_usage(standing(storage.folder)).free / 1e6
    used_mb = sum(file.stat().st_size for file in storage.folder.rglob("*") if file.is_file()) / 1e6
    wanted_mb = max(0.0, storage.pictures_max_mb + BOOKS_MB - used_mb)
    text = f"{free_mb:,.0f} MB free for {storage.folder}"
    if free_mb < DISK_MIN_MB:
        return fail("storage", text, "make room: old pictures first, never the journal or the ledger")
    if free_mb < wanted_mb:
        return warn(
            "storage",
            f"{text}, books and picture budget may take {wanted_mb:,.0f} MB more",
            "make room, or lower storage.pictures_max_mb",
        )
    return ok("storage", text)


def check_ledger(url: str) -> Check:
    """The ledger, where there is one, is of a schema that this version knows."""
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
            return ok("ledger", "none yet; the first run makes it")
        engine = sa.create_engine(address)
        try:
            with engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
                tables = sa.inspect(connection).get_table_names()
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        return fail(
            "ledger",
            f"cannot be read: {str(error).splitlines()[0]} ({shown_url(url)})",
            "check storage.database_url, and the file's rights; restore it from a copy if it is damaged",
        )
    known = schema_versions()
    if found is None and not tables:
        return ok("ledger", "empty; the first run makes its tables")
    if found is None:
        return fail(
            "ledger",
            f"{shown_url(url)} holds tables that are not ours",
            "choose another storage.folder or database_url",
        )
    if found not in known:
        return fail(
            "ledger",
            f"schema {found} is newer than this version of ferrogate ({known[-1]})",
            "install the newer ferrogate again, or give the station another storage.folder",
        )
    if found != known[-1]:
        return warn(
            "ledger",
            f"schema {found}, this version has {known[-1]}",
            "copy the ledger away: the next run migrates it, and older versions cannot read it then",
        )
    return ok("ledger", f"schema {found}")


def check_models_installed(model: str, version: str | None) -> list[Check]:
    """The distribution of shipped models, where the station file names one of them."""
    if not model.startswith(SHIPPED_PREFIX):
        return []
    if version is None:
        return [
            fail(
                MODELS_DISTRIBUTION,
                "not installed, and detector.model names one of its models",
                "pip install ./models (from a clone), or name your own ONNX file in detector.model",
            )
        ]
    return [ok(MODELS_DISTRIBUTION, version)]


def check_model(config: DetectorConfig, recipe: BallRecipe | None) -> list[Check]:
    """Model file, contract, provider, a warm-up, and that the recipe can judge its labels."""
    try:
        opened = open_detector(config)
        detector = opened.detector
        if recipe is not None:
            require_labels(recipe, detector.contract)
        start = time.perf_counter()
        detector.warm_up(_WARM_RUNS)
        each_ms = (time.perf_counter() - start) * 1000.0 / _WARM_RUNS
    except FerrogateError as error:
        return [failed_by("model", error)]
    contract = detector.contract
    size = f"{contract.input.width_px}x{contract.input.height_px}"
    checks = [
        ok(
            "model",
            f"{opened.path.name}, {len(contract.labels)} labels at {size} px, "
            f"warm-up {each_ms:.1f} ms a picture",
        ),
        ok("model sha256", opened.sha256),
        ok("model licence", f"{contract.licence}; data: {', '.join(contract.data_terms) or 'none stated'}"),
    ]
    if detector.provider_note:
        todo = "install that provider, or set detector.provider to the one that is meant"
        checks.append(warn("provider", detector.provider_note, todo))
    else:
        checks.append(ok("provider", detector.provider))
    return checks


def models_version() -> str | None:
    """Of the distribution of shipped models; None where it is not installed."""
    try:
        return metadata.version(MODELS_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None


def all_checks(path: Path) -> Iterator[Check]:
    """Every check of the station that the file describes; only the first when the file itself is wrong."""
    try:
        config: StationConfig = load_station(path)
    except FerrogateError as error:
        yield failed_by("station file", error)
        return
    yield ok("station file", f"{config.name}, {len(config.cameras)} camera(s), the geometry is possible")
    recipe: BallRecipe | None = None
    try:
        recipe = load_recipe(config.recipe)
    except FerrogateError as error:
        yield failed_by("recipe", error)
    else:
        yield from check_recipe(recipe, config.recipe)
        yield from check_scales(config, recipe, datetime.now(UTC).date())
    yield check_storage(config.storage)
    yield check_ledger(ledger_url(config.storage.folder, config.storage.database_url))
    yield from check_models_installed(config.detector.model, models_version())
    yield from check_model(config.detector, recipe)
    yield from devices.all_checks(config)
