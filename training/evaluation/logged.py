"""An evaluation's figures beside the training they belong to, at MLflow, when a tracking URI is set.

The report in its folder stays the record. Neighbours: `run` makes the report, `training.tracking` talks to
the server and knows which run a folder was logged as.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.tracking import check_server, linked_uri, log_evaluation
from vision.errors import ConfigError, FerrogateError

PREFIX = "evaluate"


def check_log(uri: str | None, run: Path | None) -> bool:
    """See, before anything is scored, whether the evaluation can be logged.

    Args:
        uri: where to; None: nowhere.
        run: folder of the training run that is evaluated; None: a model file was given.

    Returns:
        Whether it will be; where not though a URI is set, standard error has been told why.

    Raises:
        ConfigError: the run was logged to another place.
        FerrogateError: MLflow is missing, or its server cannot be reached.
    """
    if uri is None:
        return False
    check_server(uri)
    if run is None:
        _say("this evaluation is not logged to MLflow: it is of a model file, not of a run (--run)")
        return False
    linked = linked_uri(run)
    if linked is None:
        _say(f"this evaluation is not logged to MLflow: {run} was not when it was trained")
        return False
    if linked != uri:
        raise ConfigError(
            f"this run is logged to another place: {linked}",
            where=str(run),
            todo="evaluate with that URI, or without one",
        )
    return True


def log_report(run: Path, content: Mapping[str, Any], files: list[Path]) -> None:
    """Log figures and report; a server that went away in the meantime is said, the report stays.

    Args:
        run: folder of the training run.
        content: of `report.json`.
        files: the report's.
    """
    try:
        log_evaluation(run, figures_of(content), files)
    except FerrogateError as error:
        _say(f"the evaluation is not logged: {error.what}; the report is written")


def figures_of(content: Mapping[str, Any]) -> dict[str, float]:
    """The figures worth a curve over runs, by name; what was not measured is left out."""
    figures = content["figures"]
    detection = figures["detection"]
    found: dict[str, Any] = {
        "map50": detection["map50"]["value"],
        "map50_95": detection["map50_95"]["value"],
        "gross_ap50": (figures.get("gross_ap50") or {}).get("value"),
    }
    for one in detection["labels"]:
        label = one["label"]
        found[f"ap50/{label}"] = one["ap50"]["value"]
        found[f"ap50_95/{label}"] = one["ap50_95"]
        found[f"threshold/{label}"] = figures["thresholds"][label]
        at = one["at_threshold"]
        if at is not None:
            found[f"recall/{label}"] = at["recall"]["hits"] / at["recall"]["n"]
            found[f"false_per_picture/{label}"] = at["false_per_picture"]
    if content.get("baseline"):
        found["baseline_map50"] = content["baseline"]["detection"]["map50"]["value"]
    return {f"{PREFIX}/{name}": float(value) for name, value in found.items() if value is not None}


def _say(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)
