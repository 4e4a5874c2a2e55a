"""One view under the inspector: what it shows, or why nothing could be made of it."""

from __future__ import annotations

import cv2

from edge_runtime.parts import Part
from edge_runtime.station.gauges import Gauges
from vision.ball import Beside, frame_fault_view, inspect_view
from vision.detector import Detector
from vision.errors import FerrogateError
from vision.recipe import BallRecipe
from vision.types import FrameFault, View, ViewFindings


def look(
    part: Part,
    view: View,
    frame_fault: FrameFault | None,
    recipe: BallRecipe,
    detector: Detector,
    gauges: Gauges,
    beside: Beside | None,
) -> tuple[ViewFindings, str]:
    """Findings of a view, and what went wrong with the inspection itself ('' for nothing).

    One view that cannot be inspected rejects one part; it must not stop the line.
    """
    labels = detector.contract.labels
    if frame_fault is not None:
        return frame_fault_view(view, frame_fault.value, labels), ""
    try:
        return inspect_view(view, recipe, detector, gauges.of(part, view.camera), beside=beside), ""
    except (FerrogateError, ValueError, ArithmeticError, LookupError, cv2.error) as error:
        return frame_fault_view(view, "inspection_error", labels), f"part {part.part_id}: {error}"
