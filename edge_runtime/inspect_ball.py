"""Picture files of balls: what `ferrogate inspect --station ball` does with one of them.

Neighbours: `vision.ball.inspect_image` looks for ball and defects, `vision.judge.judge_picture`
judges what a single picture can show.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime import inspect_parts as parts
from edge_runtime.calibrations import load_calibration, require_fresh, require_passed, require_size
from edge_runtime.config import load_recipe
from edge_runtime.images import read_image
from edge_runtime.models import ModelFile
from edge_runtime.overlay import draw_overlay
from edge_runtime.recipes import default_recipe_path
from vision.ball import NO_PART, inspect_image
from vision.ball_outline import Gauge
from vision.detector import Detector
from vision.errors import ConfigError
from vision.fusion import fuse
from vision.judge import judge_picture, require_labels
from vision.metrology.calibration import CameraCalibration, TypedScale
from vision.metrology.size import ROOM, check_temperature
from vision.metrology.types import Temperature
from vision.recipe import BallRecipe

#: Relative standard uncertainty of a scale typed on the command line.
_U_TYPED_SCALE_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class BallPictures:
    """How pictures of balls are looked at; `counting`: per label the score from which it counts."""

    detector: Detector
    recipe: BallRecipe
    gauge: Gauge | None
    counting: Mapping[str, float]
    min_score: float | None
    overlays: Path | None

    @property
    def recipe_sha256(self) -> str:
        """Content hash of the recipe."""
        return self.recipe.sha256()

    def hint(self) -> str:
        """That nothing can be accepted without a scale."""
        if self.gauge is not None:
            return ""
        return "neither --mm-per-px nor --calibration given: nothing was measured, so no ball is accepted"

    def record(self, name: str, number: int) -> dict[str, object]:
        """Inspect one picture file: its JSON object.

        Raises:
            ImageError, CalibrationError: this picture cannot be inspected.
        """
        picture = read_image(Path(name))
        height, width = picture.image.shape[:2]
        if self.gauge is not None and isinstance(self.gauge.scale, CameraCalibration):
            # Which camera took a picture file nobody can tell; its size must be that camera's.
            require_size(self.gauge.scale, width, height, where=name)
        lowest = parts.lowest_score(self.counting, self.min_score)
        findings = inspect_image(picture.image, self.detector, self.recipe, self.gauge, min_score=lowest)
        inspection = fuse(NO_PART, 1, (findings,))
        verdict = judge_picture(
            inspection, self.recipe, self.detector.contract, model_sha256=self.detector.sha256
        )
        listed = parts.listed(findings.detections, self.counting, self.min_score)
        if self.overlays is not None:
            codes = tuple(parts.reason_codes(verdict))
            drawn = draw_overlay(picture.image, listed, findings, verdict.decision, codes)
            parts.write_overlay(self.overlays, name, number, drawn)
        outline = findings.outline
        return {
            "image": name,
            "width": width,
            "height": height,
            "detections": [parts.detection_json(listed, index) for index in range(len(listed))],
            **parts.verdict_json(verdict),
            "ball_xyxy_px": None if outline is None else [round(value, 2) for value in outline.box_xyxy_px],
            "view_fault": findings.fault.value,
            "diameter_min_mm": findings.diameter_min_mm,
            "diameter_max_mm": findings.diameter_max_mm,
            "diameter_mean_mm": findings.diameter_mean_mm,
            "u_diameter_mm": findings.u_diameter_mm,
            "roundness_mm": findings.roundness_mm,
            "u_roundness_mm": findings.u_roundness_mm,
            "speck_mm": findings.speck_mm,
            "outline_share": None if outline is None else outline.outline_share,
            "stored_bits": picture.stored_bits,
            "model_sha256": verdict.model_sha256,
            "recipe_sha256": verdict.recipe_sha256,
        }


def ball_pictures(args: argparse.Namespace, model: ModelFile) -> BallPictures:
    """Set up for pictures of balls from the command's arguments.

    Raises:
        ConfigError, ContractError, ProviderError: something in them cannot be used.
    """
    gauge = _gauge(args)
    recipe = load_recipe(args.recipe or default_recipe_path())
    detector = Detector(model.data, model.name, station="ball", provider=args.provider)
    require_labels(recipe, detector.contract)
    counting = {
        label: recipe.findings[label].scores(threshold)[0]
        for label, threshold in detector.contract.thresholds.items()
    }
    return BallPictures(detector, recipe, gauge, counting, args.min_score, args.overlays)


def _gauge(args: argparse.Namespace) -> Gauge | None:
    """Scale and temperature as typed; None without a scale.

    Raises:
        ConfigError: a scale, a temperature or a calibration that cannot be used.
    """
    scale: CameraCalibration | TypedScale | None = None
    if args.calibration is not None:
        scale = load_calibration(args.calibration)
        require_fresh(scale, datetime.now(UTC).date())
        require_passed(args.calibration, scale)
    elif args.mm_per_px is not None:
        scale = TypedScale(args.mm_per_px, _U_TYPED_SCALE_SHARE)
    if args.temperature is None and args.u_temperature is not None:
        raise ConfigError(
            "an uncertainty of no temperature", where="--u-temperature", todo="give --temperature, too"
        )
    temperature = None
    if args.temperature is not None:
        u_celsius = ROOM.u_celsius if args.u_temperature is None else args.u_temperature
        temperature = check_temperature(Temperature(args.temperature, u_celsius))
    return None if scale is None else Gauge(scale, temperature)
