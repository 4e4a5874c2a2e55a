"""Picture files of rails: what `ferrogate inspect --station rail` does with one of them.

Neighbours: `vision.rail.inspect_rail_image` finds the head and what is on it,
`vision.judge_rail.judge_rail_picture` judges what a single picture can show.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_runtime import inspect_parts as parts
from edge_runtime.config import load_rail_recipe
from edge_runtime.images import read_image
from edge_runtime.models import ModelFile
from edge_runtime.overlay_rail import draw_rail_overlay
from edge_runtime.recipe_files import file_of
from edge_runtime.recipes import RAIL_RECIPE_PATH
from vision.detector import Detector
from vision.errors import ConfigError
from vision.judge_rail import judge_rail_picture, require_rail_labels
from vision.metrology.calibration import TypedScale
from vision.rail import RailFindings, inspect_rail_image, rail_spec
from vision.rail_recipe import RailRecipe
from vision.types import Detections

#: Arguments that say something about balls only.
_OF_BALLS = ("calibration", "temperature", "u_temperature")


@dataclass(frozen=True, slots=True)
class RailPictures:
    """How pictures of rails are looked at; `counting`: per label the score from which it counts."""

    detector: Detector
    recipe: RailRecipe
    mm_per_px: float | None
    counting: Mapping[str, float]
    min_score: float | None
    overlays: Path | None

    @property
    def recipe_sha256(self) -> str:
        """Content hash of the recipe."""
        return self.recipe.sha256()

    def hint(self) -> str:
        """That no picture clears a rail."""
        return "one picture cannot clear a rail: where nothing was found the verdict is review"

    def record(self, name: str, number: int) -> dict[str, object]:
        """Inspect one picture file: its JSON object.

        Raises:
            ImageError: this picture cannot be inspected.
        """
        picture = read_image(Path(name))
        height, width = picture.image.shape[:2]
        lowest = parts.lowest_score(self.counting, self.min_score)
        findings = inspect_rail_image(picture.image, self.detector, min_score=lowest)
        verdict = judge_rail_picture(
            findings, self.recipe, self.detector.contract, model_sha256=self.detector.sha256
        )
        listed = parts.listed(findings.detections, self.counting, self.min_score)
        if self.overlays is not None:
            codes = tuple(parts.reason_codes(verdict))
            drawn = draw_rail_overlay(picture.image, listed, findings, verdict.decision, codes)
            parts.write_overlay(self.overlays, name, number, drawn)
        return {
            "image": name,
            "width": width,
            "height": height,
            "detections": [self._detection(listed, index, findings) for index in range(len(listed))],
            **parts.verdict_json(verdict),
            "head_found": findings.found,
            "head_xyxy_px": [round(value, 2) for value in findings.head_xyxy_px],
            "rail_runs": "across" if findings.turned else "down",
            "zoom": round(findings.zoom, 4),
            "tiles": findings.tiles,
            "mm_per_px": self.mm_per_px,
            "stored_bits": picture.stored_bits,
            "model_sha256": verdict.model_sha256,
            "recipe_sha256": verdict.recipe_sha256,
        }

    def _detection(self, listed: Detections, index: int, findings: RailFindings) -> dict[str, object]:
        found = parts.detection_json(listed, index)
        if self.mm_per_px is not None:
            x0, y0, x1, y1 = (float(value) for value in listed.xyxy_px[index])
            across, along = (y1 - y0, x1 - x0) if findings.turned else (x1 - x0, y1 - y0)
            found["length_mm"] = round(along * self.mm_per_px, 2)
            found["width_mm"] = round(across * self.mm_per_px, 2)
        return found


def rail_pictures(args: argparse.Namespace, model: ModelFile) -> RailPictures:
    """Set up for pictures of rails from the command's arguments.

    Raises:
        ConfigError, ContractError, ProviderError: something in them cannot be used.
    """
    for name in _OF_BALLS:
        if getattr(args, name) is not None:
            raise ConfigError(
                "this belongs to the ball station: a rail has no calibration or temperature here",
                where=f"--{name.replace('_', '-')}",
                todo="leave it out; --mm-per-px gives lengths in mm",
            )
    if args.mm_per_px is not None:
        TypedScale(args.mm_per_px, 0.0)  # refuses what is no scale
    recipe = load_rail_recipe(file_of(str(args.recipe or RAIL_RECIPE_PATH)))
    detector = Detector(model.data, model.name, station="rail", provider=args.provider)
    rail_spec(detector.contract)
    require_rail_labels(recipe, detector.contract)
    counting = {
        label: recipe.findings[label].scores(threshold)[0]
        for label, threshold in detector.contract.thresholds.items()
    }
    return RailPictures(detector, recipe, args.mm_per_px, counting, args.min_score, args.overlays)
