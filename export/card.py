"""The model card: what a model saw, how it was made, how good it is, what it cannot do.

Neighbours: `export.export_run` hands over its report; `report.json` of 'ferrogate evaluate' is added
where it lies in the run's folder.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from datasets.provenance import commands_of
from datasets.scoring.operating_point import COVER_IOU
from datasets.synthetic.rails.catalogue import LABEL_OF
from export.variants import LARGEST_DROP
from vision.errors import ConfigError

if TYPE_CHECKING:
    from export.export_run import ExportReport

TEMPLATES = Path(__file__).parent / "templates"
#: Where 'ferrogate evaluate' puts its figures, below the run's folder.
EVALUATION_FILE = Path("evaluation") / "report.json"
_AGAIN = "run 'ferrogate evaluate' again, or remove the file"


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
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(
        percent=percent, figure=_figure, bounded=_bounded, counted=_counted, shared=_shared
    )
    try:
        return environment.get_template("model_card.md.j2").render(**_facts(report, evaluation, command))
    except UndefinedError as error:
        if evaluation is None:
            raise
        raise ConfigError(
            f"the evaluation's report lacks something: {error}", where=str(run / EVALUATION_FILE), todo=_AGAIN
        ) from error


def _facts(report: ExportReport, evaluation: dict[str, Any] | None, command: str) -> dict[str, Any]:
    """What the template speaks of, by name."""
    weakest, weakest_ap50 = weakest_label(report, evaluation)
    return {
        "report": report,
        "contract": report.contract,
        "manifest": report.manifest,
        "settings": report.manifest.settings,
        "name": report.file.stem,
        "size_mb": len(report.content) / 1e6,
        "weakest": weakest,
        "weakest_ap50": weakest_ap50,
        "evaluation": evaluation,
        "commands": (*commands_of(report.manifest, Path.cwd()), command),
        "largest_drop": LARGEST_DROP,
        "cover_iou": COVER_IOU,
        "drawn": drawn_marks(),
    }


def weakest_label(report: ExportReport, evaluation: dict[str, Any] | None) -> tuple[str, float]:
    """The label with the lowest AP50, and that: as evaluated where it was, else on the val split."""
    known = {label: figure.ap50 for label, figure in report.figures.items() if figure.objects}
    if evaluation is not None:
        labels = evaluation["figures"]["detection"]["labels"]
        known = {one["label"]: one["ap50"]["value"] for one in labels if one["objects"]} or known
    weakest = min(known, key=lambda label: known[label])
    return weakest, known[weakest]


def drawn_marks() -> dict[str, list[str]]:
    """Marks that formulas draw into composed pictures of rails: label, or "none", to their names in words."""
    marks: dict[str, list[str]] = {}
    for name, label in LABEL_OF.items():
        marks.setdefault(label or "none", []).append(name.replace("_", " "))
    return marks


def percent(value: float | None) -> str:
    """'12.3 %', or a dash where there is no number."""
    return "–" if value is None or math.isnan(value) else f"{100.0 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bounded(interval: dict[str, Any]) -> str:
    """A figure with its bounds, as `report.json` holds it."""
    if interval["low"] is not None and interval["low"] == interval["high"]:
        return f"{_figure(interval['value'])} (alike in all resamples: no bounds)"
    low, high = _figure(interval["low"]), _figure(interval["high"])
    return f"{_figure(interval['value'])} ({low} to {high})"


def _counted(rate: dict[str, Any] | None) -> str:
    """'7.5 % (1.6 % to 20.4 %), 3 of 40', as `report.json` holds it."""
    if rate is None:
        return "–"
    share = rate["hits"] / rate["n"]
    return (
        f"{percent(share)} ({percent(rate['low'])} to {percent(rate['high'])}), {rate['hits']} of {rate['n']}"
    )


def _shared(interval: dict[str, Any]) -> str:
    """'7.5 % (1.6 % to 20.4 %)': a share with its bounds, as `report.json` holds it."""
    return f"{percent(interval['value'])} ({percent(interval['low'])} to {percent(interval['high'])})"


def read_evaluation(run: Path, training_sha256: str) -> dict[str, Any] | None:
    """Figures of 'ferrogate evaluate', or None where it has not run.

    Raises:
        ConfigError: they cannot be read, are of another training, or of a file of lower precision.
    """
    path = run / EVALUATION_FILE
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        measured, precision = content["training_sha256"], content["precision"]
        for one in content["figures"]["detection"]["labels"]:
            float(one["ap50"]["value"] or 0.0)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the evaluation's report cannot be read: {error}", where=str(path), todo=_AGAIN
        ) from error
    if measured != training_sha256:
        raise ConfigError("the evaluation's report is of another training", where=str(path), todo=_AGAIN)
    if precision != "fp32":
        raise ConfigError(f"the evaluation's report is of the {precision} file", where=str(path), todo=_AGAIN)
    return content
