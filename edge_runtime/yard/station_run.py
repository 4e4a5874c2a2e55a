"""What `ferrogate run` does with a rail station file: check it, say what people must know, supervise.

Neighbours: `station_supervisor` runs worker and page, `yard_config` reads the file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from edge_runtime.config import DetectorConfig
from edge_runtime.models import read_model
from edge_runtime.yard.map_run import MapTools
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.yard_config import RailStationConfig, Recording, load_rail_station
from vision.detector import Detector
from vision.errors import ConfigError
from vision.rail import rail_spec


def open_tools(config: RailStationConfig) -> MapTools:
    """Load model and recipe of a station.

    Raises:
        ConfigError: there is no such model or recipe, or a label of the model is none of the recipe's.
        ContractError: the model is not for rails, or does not keep what it promises.
        ProviderError: the execution provider is not there.
    """
    tools = MapTools(open_detector(config.detector), load_yard_recipe(config.recipe))
    require_labels(tools, config.recipe)
    return tools


def open_detector(wanted: DetectorConfig) -> Detector:
    """Load a station's model.

    Raises:
        ConfigError: there is no such model.
        ContractError: the model is not for rails, or does not keep what it promises.
        ProviderError: the execution provider is not there.
    """
    model = read_model(wanted.model)
    detector = Detector(
        model.data,
        model.name,
        station="rail",
        provider=wanted.provider,
        allow_fallback=wanted.allow_fallback,
        threads=wanted.threads,
    )
    rail_spec(detector.contract)
    return detector


def require_labels(tools: MapTools, recipe_file: Path | None) -> None:
    """Refuse a recipe that does not say what a label of the model is.

    Raises:
        ConfigError: it does not.
    """
    strange = sorted(set(tools.detector.contract.labels) - set(tools.recipe.labels))
    if strange:
        raise ConfigError(
            f"the yard's recipe does not say what the model's labels {', '.join(strange)} are",
            where="labels of the recipe" if recipe_file is None else str(recipe_file),
            todo="add them under 'labels', or give the model that the recipe was written for",
        )


def run_yard_station(station_file: Path, *, check: bool, as_json: bool, with_parent: bool) -> int:
    """Run it, or only check its files; returns the exit code.

    Raises:
        ConfigError, ContractError, ProviderError: a file cannot be used; nothing was started.
        LedgerError, RestartsSpentError: see `supervise_yard`.
    """
    config = load_rail_station(station_file)
    tools = open_tools(config)
    missing = missing_sources(config)
    unverified = tools.recipe.unverified()
    if check:
        _tell_check(config, tools, missing, unverified, as_json=as_json)
        return 0
    _say(missing, unverified)
    # Imported late: --check works without anything that runs.
    from edge_runtime.logs import setup_logging
    from edge_runtime.yard.station_status import read_status
    from edge_runtime.yard.station_supervisor import supervise_yard

    setup_logging("supervisor", config.name)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    code = supervise_yard(config, station_file, stop, os.getppid() if with_parent else None)
    if as_json:
        status = read_status(config.storage.folder)
        facts = {
            "station": config.name,
            "exit_code": code,
            "rails": 0 if status is None else status.rails_done,
            "aside": [] if status is None else [aside.name for aside in status.asides],
        }
        print(json.dumps(facts))
    return code


def missing_sources(config: RailStationConfig) -> dict[str, str]:
    """Places that rails come from and that are not there: path -> what that means."""
    found = {}
    for source in config.scans:
        if not source.path.is_dir():
            kind = "recording" if isinstance(source, Recording) else "watched folder"
            found[str(source.path)] = f"the {kind} is not there; the station looks for it again until it is"
    return found


def _tell_check(
    config: RailStationConfig,
    tools: MapTools,
    missing: dict[str, str],
    unverified: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    if as_json:
        facts = {
            "station": config.name,
            "product": tools.recipe.product,
            "recipe_sha256": tools.recipe.sha256(),
            "model_sha256": tools.detector.sha256,
            "labels": list(tools.detector.contract.labels),
            "unverified_limits": list(unverified),
            "missing_sources": missing,
        }
        print(json.dumps(facts))
        return
    print(f"rail station {config.name}: the file is sound; recipe: {tools.recipe.product}")
    _say(missing, unverified)


def _say(missing: dict[str, str], unverified: tuple[str, ...]) -> None:
    """What a person at the yard must know before rails are graded."""
    for place, why in missing.items():
        print(f"NOT THERE: {place}: {why}", file=sys.stderr)
    if unverified:
        shown = ", ".join(unverified[:6]) + (
            f" and {len(unverified) - 6} more" if len(unverified) > 6 else ""
        )
        print(
            f"NOT VERIFIED: {len(unverified)} figures of the recipe were never compared with their source "
            f"({shown}); compare them and set 'verified: true'",
            file=sys.stderr,
        )
