"""What inspecting picture files has in common, whatever they show.

Neighbours: `ferrogate inspect` runs over the pictures; `edge_runtime.inspect_ball` and
`edge_runtime.inspect_rail` look at one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import cv2

from edge_runtime.whole_file import whole_file
from vision.detector import Detector
from vision.errors import ConfigError, FerrogateError
from vision.types import Detections, UInt8Array, Verdict


class PictureStation(Protocol):
    """One station's way of looking at picture files; all that stays the same from picture to picture."""

    @property
    def detector(self) -> Detector:
        """The model that looks."""

    @property
    def recipe_sha256(self) -> str:
        """Content hash of the recipe that judges."""

    def record(self, name: str, number: int) -> dict[str, object]:
        """Inspect the picture file `name`, the `number`th from 0: its JSON object.

        Raises:
            ImageError, CalibrationError: this picture cannot be inspected; the next one may be.
            FerrogateError: nothing can go on.
        """

    def hint(self) -> str:
        """A line for people below the summary, '' for none."""


def check_min_score(min_score: float | None) -> None:
    """Refuse a --min-score that is no score.

    Raises:
        ConfigError: not in 0..1.
    """
    if min_score is not None and not 0.0 <= min_score <= 1.0:
        raise ConfigError(f"a score lies in 0..1, not {min_score}", where="--min-score", todo="give 0 to 1")


def lowest_score(counting: Mapping[str, float], min_score: float | None) -> float:
    """Score from which the detector must list boxes: all that count, and all that are asked for."""
    lowest = min(counting.values())
    return lowest if min_score is None else min(lowest, min_score)


def listed(detections: Detections, counting: Mapping[str, float], min_score: float | None) -> Detections:
    """Detections to show: from `min_score` on, else those that count for the verdict (by label)."""
    keep = [
        index
        for index in range(len(detections))
        if float(detections.score[index])
        >= (counting[detections.label(index)] if min_score is None else min_score)
    ]
    return Detections(
        detections.xyxy_px[keep], detections.score[keep], detections.class_id[keep], detections.labels
    )


def detection_json(detections: Detections, index: int) -> dict[str, object]:
    """One detection as it stands in the output."""
    return {
        "label": detections.label(index),
        "score": round(float(detections.score[index]), 4),
        "xyxy_px": [round(float(value), 2) for value in detections.xyxy_px[index]],
    }


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """The verdict with its reasons as it stands in the output."""
    return {
        "verdict": verdict.decision.name.lower(),
        "reasons": reason_codes(verdict),
        "reason_details": [asdict(reason) for reason in verdict.reasons],
    }


def reason_codes(verdict: Verdict) -> list[str]:
    """Codes of a verdict's reasons, each once, gravest first."""
    return list(dict.fromkeys(reason.code for reason in verdict.reasons))


def make_folder(folder: Path) -> None:
    """Make the folder for drawn pictures.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder for overlays cannot be made: {error.strerror or error}",
            where=str(folder),
            todo="name a folder that can be written",
        ) from error


def write_overlay(folder: Path, name: str, number: int, drawn: UInt8Array) -> None:
    """Write one drawn picture, whole; the running number keeps pictures of one name in two folders apart.

    Raises:
        FerrogateError: it cannot be written.
    """
    path = folder / f"{number:05d}_{Path(name).stem}.png"
    ok, data = cv2.imencode(".png", drawn)
    if not ok:
        raise FerrogateError(
            f"the overlay of {drawn.shape[1]}x{drawn.shape[0]} pixels cannot be made a PNG file",
            where=str(path),
            todo="cut the picture, or leave out --overlays",
        )
    try:
        with whole_file(path) as part:
            part.write_bytes(data.tobytes())
    except OSError as error:
        raise not_written("overlay", path, error) from error


def not_written(what: str, path: Path, error: OSError) -> FerrogateError:
    """The error for an output that cannot be written."""
    return FerrogateError(
        f"the {what} cannot be written: {error.strerror or error}",
        where=str(path),
        todo="check that the folder exists, can be written and has room",
    )
