"""The model card: what a model saw, how it was made, how good it is, what it cannot do.

Neighbours: `export.export_run` hands over its report; `report.json` of 'ferrogate evaluate' is added
where it lies in the run's folder.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.variants import LARGEST_DROP
from vision.errors import ConfigError

if TYPE_CHECKING:
    from export.export_run import ExportReport

TEMPLATES = Path(__file__).parent / "templates"
#: Where 'ferrogate evaluate' puts its figures, below the run's folder.
EVALUATION_FILE = Path("evaluation") / "report.json"


def model_card(report: ExportReport, run: Path, command: str) -> str:
    """The card as Markdown.

    Args:
        report: of the export.
        run: folder of the run.
        command: the export command as typed.

    Raises:
        ConfigError: the run's evaluation report cannot be read.
    """
    evaluation = read_evaluation(run, report.contract.training_sha256)
    weakest, weakest_ap50 = weakest_label(report, evaluation)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(percent=percent, figure=_figure, bounded=_bounded, counted=_counted)
    return environment.get_template("model_card.md.j2").render(
        report=report,
        contract=report.contract,
        manifest=report.manifest,
        settings=report.manifest.settings,
        name=report.file.stem,
        size_mb=len(report.content) / 1e6,
        weakest=weakest,
        weakest_ap50=weakest_ap50,
        evaluation=evaluation,
        command=command,
        largest_drop=LARGEST_DROP,
    )


def weakest_label(report: ExportReport, evaluation: dict[str, Any] | None) -> tuple[str, float]:
    """The label with the lowest AP50, and that: as evaluated where it was, else on the val split."""
    known = {label: figure.ap50 for label, figure in report.figures.items() if figure.objects}
    if evaluation is not None:
        labels = evaluation["figures"]["detection"]["labels"]
        known = {one["label"]: one["ap50"]["value"] for one in labels if one["objects"]} or known
    weakest = min(known, key=lambda label: known[label])
    return weakest, known[weakest]


def percent(value: float | None) -> str:
    """'12.3 %', or a dash where there is no number."""
    return "–" if value is None or math.isnan(value) else f"{100.0 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bounded(interval: dict[str, Any]) -> str:
    """A figure with its bounds, as `report.json` holds it."""
    low, high = _figure(interval["low"]), _figure(interval["high"])
    return f"{_figure(interval['value'])} ({low} to {high})"


def _counted(rate: dict[str, Any] | None) -> str:
    """'3 of 40 (1.6 % to 20.4 %)', as `report.json` holds it."""
    if rate is None:
        return "–"
    return f"{rate['hits']} of {rate['n']} ({percent(rate['low'])} to {percent(rate['high'])})"


def read_evaluation(run: Path, training_sha256: str) -> dict[str, Any] | None:
    """Figures of 'ferrogate evaluate', or None where it has not run.

    Raises:
        ConfigError: they cannot be read, or are of another training.
    """
    path = run / EVALUATION_FILE
    if not path.exists():
        return None
    todo = "run 'ferrogate evaluate' again, or remove the file"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        measured = content["training_sha256"]
        for one in content["figures"]["detection"]["labels"]:
            float(one["ap50"]["value"] or 0.0)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the evaluation's report cannot be read: {error}", where=str(path), todo=todo
        ) from error
    if measured != training_sha256:
        raise ConfigError("the evaluation's report is of another training", where=str(path), todo=todo)
    return content
