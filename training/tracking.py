"""Logs training runs to MLflow, when a tracking URI is set.

The run's own folder stays the record: settings, losses and weights lie there whether or not MLflow
is used. So a server that goes away in the middle of a training costs no training: it is said once,
and what was not delivered is sent when the server answers again, at the latest at the end. But a
server that cannot be reached when the run begins, or a missing package, is an error: nothing is
lost then, and nobody wants to find out the next morning.
Neighbours: `training.cli` opens a log, `training.train` reports epochs, `training.evaluation.logged` adds
what an evaluation found.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datasets.training_run import MANIFEST_FILE, WEIGHTS_FILE, TrainingManifest, TrainSettings
from vision.errors import ConfigError, FerrogateError

URI_VARIABLE = "MLFLOW_TRACKING_URI"
LINK_FILE = "mlflow.json"
_LONGEST_VALUE = 500
#: A server that does not answer holds the training up for some twenty seconds, not for minutes; nothing
#: about this machine is sent to MLflow's makers.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

Warn = Callable[[str], None]


@dataclass(slots=True)
class RunLog:
    """One run at MLflow. Made by `open_log`."""

    uri: str
    run_id: str
    _client: Any
    _warn: Warn
    _unsent: list[tuple[str, float, int]] = field(default_factory=list)
    _silent: bool = False

    def epoch(self, stage: str, epoch: int, losses: Mapping[str, float]) -> None:
        """Log one epoch's losses as `<stage>/<loss>`; `epoch` from 1."""
        self._unsent += [(f"{stage}/{name}", float(value), epoch) for name, value in losses.items()]
        self._send()

    def replay(self, history: list[dict[str, object]]) -> None:
        """Log epochs that were kept elsewhere: lines of `losses.jsonl`."""
        for line in history:
            numbers = {name: float(value) for name, value in line.items() if isinstance(value, (int, float))}
            epoch = int(numbers.pop("epoch"))
            self._unsent += [(f"{line['stage']}/{name}", value, epoch) for name, value in numbers.items()]
        self._send()

    def figures(self, figures: Mapping[str, float]) -> None:
        """Log figures that belong to no epoch, those of an evaluation."""
        self._unsent += [(name, float(value), 0) for name, value in figures.items()]
        self._send()

    def finish(self, manifest: TrainingManifest, run: Path) -> None:
        """Log what the run became: hashes as tags, manifest and weights as artifacts."""
        from mlflow.exceptions import MlflowException

        self._send()
        try:
            for name in ("data_sha256", "pretraining_sha256", "weights_sha256"):
                self._client.set_tag(self.run_id, name, getattr(manifest, name))
            self._client.set_tag(self.run_id, "training_sha256", manifest.sha256())
            self.files([run / MANIFEST_FILE, run / WEIGHTS_FILE])
            self._client.set_terminated(self.run_id, "FINISHED")
        except (MlflowException, OSError) as error:
            self._lost(error)

    def files(self, files: list[Path]) -> None:
        """Log files as artifacts.

        Raises:
            MlflowException: the server refuses them.
        """
        for path in files:
            self._client.log_artifact(self.run_id, str(path))

    def stop(self, status: str) -> None:
        """Close the run as FAILED or KILLED; a later --resume opens it again."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_terminated(self.run_id, status)
        except (MlflowException, OSError) as error:
            self._lost(error)

    def _send(self) -> None:
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        try:
            self._client.log_batch(
                self.run_id, metrics=[Metric(key, value, now, step) for key, value, step in self._unsent]
            )
        except (MlflowException, OSError) as error:
            self._lost(error)
            return
        self._unsent.clear()
        if self._silent:
            self._silent = False
            self._warn("MLflow answers again; the epochs it missed are delivered")

    def _lost(self, error: Exception) -> None:
        if not self._silent:
            self._silent = True
            self._warn(
                f"MLflow at {self.uri} does not take the run's log: {_first_line(error)}; "
                "the training goes on, its record is in the run's folder"
            )


def tracking_uri(option: str | None) -> str | None:
    """The URI to log to: the option, else the environment's; None: nothing is logged."""
    return option or os.environ.get(URI_VARIABLE) or None


def check_server(uri: str | None) -> None:
    """See that a log can be begun, before a folder is made and data are read. None: nothing to see.

    Raises:
        FerrogateError: the package is missing, or the server cannot be reached or refuses.
    """
    if uri is not None:
        with _asked(uri):
            _connect(uri).search_experiments(max_results=1)


def open_log(
    uri: str,
    station: str,
    run: Path,
    settings: TrainSettings,
    command: str,
    *,
    resume: bool = False,
    warn: Warn | None = None,
) -> RunLog:
    """Begin a run at MLflow, or go on with the one that this folder's run began.

    Args:
        uri: of a server, or `sqlite:///file.db`.
        station: names the experiment, `ferrogate-<station>`, unless MLFLOW_EXPERIMENT_NAME does.
        run: folder of the run; the run's id at MLflow is kept in its `mlflow.json`.
        settings: logged as parameters.
        command: as typed; logged as a tag.
        resume: go on with the log that the folder names, if it names one.
        warn: says what goes wrong later on; standard error by default.

    Raises:
        FerrogateError: the package is missing, or the server cannot be reached or refuses.
    """
    with _asked(uri):
        client = _connect(uri)
        run_id = (_earlier_run(client, run, uri) if resume else None) or _new_run(client, station, run, uri)
        for key, value in _flat(settings.model_dump(mode="json")).items():
            # A parameter cannot change: a resumed run has the very same settings.
            client.log_param(run_id, key, value[:_LONGEST_VALUE])
        client.set_tag(run_id, "command", command)
    return RunLog(uri, run_id, client, warn or _to_stderr)


@contextmanager
def tracked(
    uri: str | None, station: str, run: Path, settings: TrainSettings, command: str, *, resume: bool = False
) -> Iterator[RunLog | None]:
    """A log for as long as a training lasts; a training that fails or is stopped is closed as that.

    None where no URI is set.

    Raises:
        FerrogateError: see `open_log`.
    """
    if uri is None:
        yield None
        return
    log = open_log(uri, station, run, settings, command, resume=resume)
    try:
        yield log
    except KeyboardInterrupt:
        log.stop("KILLED")
        raise
    except BaseException:
        log.stop("FAILED")
        raise


def linked_uri(run: Path) -> str | None:
    """Where a run was logged to when it was trained; None where it was not.

    Raises:
        ConfigError: the note in its folder cannot be read.
    """
    path = run / LINK_FILE
    return _read_link(path)["uri"] if path.exists() else None


def log_evaluation(run: Path, figures: Mapping[str, float], files: list[Path]) -> bool:
    """Add an evaluation to the run that trained the model.

    Args:
        run: folder of the run.
        figures: name -> value.
        files: reports.

    Returns:
        Whether the run was logged to MLflow when it was trained; where it was not, nothing is done.

    Raises:
        FerrogateError: it was, and the server cannot be reached.
    """
    path = run / LINK_FILE
    if not path.exists():
        return False
    link = _read_link(path)
    with _asked(link["uri"]):
        client = _connect(link["uri"])
        for name, value in figures.items():
            client.log_metric(link["run_id"], name, float(value))
        for file in files:
            client.log_artifact(link["run_id"], str(file))
    return True


@contextmanager
def _asked(uri: str) -> Iterator[None]:
    """Turns what MLflow raises into one clear error."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        importlib.import_module("mlflow")
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise FerrogateError(
            f"MLflow is to be used and is not installed: {error}",
            where=uri,
            todo=f"pip install 'ferrogate[tracking]', or unset {URI_VARIABLE}",
        ) from error
    # A new database tells of each of its tables.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    except (MlflowException, OSError) as error:
        raise FerrogateError(
            f"MLflow cannot be used: {_first_line(error)}",
            where=uri,
            todo=f"start the server, correct the URI, or unset {URI_VARIABLE} and leave out --mlflow-uri",
        ) from error


def _connect(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _new_run(client: Any, station: str, run: Path, uri: str) -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"ferrogate-{station}"
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        number = experiment.experiment_id
    else:
        number = client.create_experiment(name, artifact_location=_artifact_place(uri))
    run_id = str(client.create_run(number, run_name=run.name).info.run_id)
    run.mkdir(parents=True, exist_ok=True)
    partial = run / (LINK_FILE + ".part")
    partial.write_text(json.dumps({"uri": uri, "run_id": run_id}) + "\n", encoding="utf-8")
    partial.replace(run / LINK_FILE)
    return run_id


def _earlier_run(client: Any, run: Path, uri: str) -> str | None:
    path = run / LINK_FILE
    if not path.exists():
        return None
    link = _read_link(path)
    if link["uri"] != uri:
        raise ConfigError(
            f"this run is logged to another place: {link['uri']}",
            where=str(path),
            todo="resume with that URI, or remove the file to begin a new log",
        )
    client.update_run(link["run_id"], status="RUNNING")
    return link["run_id"]


def _read_link(path: Path) -> dict[str, str]:
    try:
        link = json.loads(path.read_text(encoding="utf-8"))
        return {"uri": str(link["uri"]), "run_id": str(link["run_id"])}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the link to the run's log cannot be read: {error!r}",
            where=str(path),
            todo="remove the file to begin a new log",
        ) from error


def _artifact_place(uri: str) -> str | None:
    """A server knows its own; beside a database file MLflow would take the current folder."""
    parts = urlsplit(uri)
    if parts.scheme != "sqlite":
        return None
    return (Path(parts.path[1:]).resolve().parent / "mlflow-artifacts").as_uri()


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        parts = [_flat(part, f"{prefix}.{key}" if prefix else str(key)) for key, part in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        named = {str(part["name"]): {k: v for k, v in part.items() if k != "name"} for part in value}
        return _flat(named, prefix)
    return {prefix: json.dumps(value) if isinstance(value, (dict, list)) else str(value)}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _to_stderr(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)
