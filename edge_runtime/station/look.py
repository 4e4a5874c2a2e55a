"""Views under the inspector: what each shows, or why nothing could be made of it.

The views that came together are looked at together: the detector takes several in one run, in its own
thread, while their outlines are measured here. Neighbours: `core` asks and judges, `vision.ball` inspects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import cv2

from edge_runtime.parts import DueView, Part
from edge_runtime.station.beside import Beside, in_line
from edge_runtime.station.gauges import Gauges
from vision.ball import PlacedView, frame_fault_view, measure_view, place_view, size_view, with_boxes
from vision.detector import MIN_SCORE, Detector
from vision.errors import FerrogateError
from vision.judge import lowest_score
from vision.recipe import BallRecipe
from vision.types import Detections, FrameFault, UInt8Array, View, ViewFindings

P = ParamSpec("P")
T = TypeVar("T")

#: what may go wrong with one view; it rejects one part and must not stop the line
_TROUBLE = (FerrogateError, ValueError, ArithmeticError, LookupError, cv2.error)


@dataclass(frozen=True, slots=True)
class Asked:
    """One view to look at; `fault`: of its frame, None for a healthy one."""

    part: Part
    due: DueView
    view: View
    fault: FrameFault | None


#: so few views that nothing has piled up: no run of the detector is put off for a fuller one
_FEW = 4


def in_turn(asked: Sequence[Asked]) -> list[Sequence[Asked]]:
    """Views that complete their parts first, the others after them; all together once many wait.

    A verdict needs no view of the next ball in the same frame: it does not wait for it.
    """
    asked_of = Counter(one.part.part_id for one in asked)
    last: list[Asked] = []
    others: list[Asked] = []
    for one in asked:
        (last if asked_of[one.part.part_id] == one.part.views_open else others).append(one)
    return [last, others] if last and others and len(asked) <= _FEW else [asked]


#: a view, what it shows, and what went wrong with the inspection itself ('' for nothing)
Looked = tuple[Asked, ViewFindings, str]


class Looker:
    """Looks at views with one recipe, detector and set of gauges.

    Args:
        recipe, detector, gauges: what is in force.
        beside: runs the detector while outlines are measured; None: one after the other.
    """

    def __init__(
        self, recipe: BallRecipe, detector: Detector, gauges: Gauges, beside: Beside | None = None
    ) -> None:
        self._recipe = recipe
        self._detector = detector
        self._gauges = gauges
        # A limit below what a detector lists by itself must not pass for one that nothing came up to.
        self._min_score = min(MIN_SCORE, lowest_score(recipe, detector.contract))
        self._beside = in_line if beside is None else beside

    def look(self, asked: Sequence[Asked]) -> Iterator[Looked]:
        """Findings of the views, in their order, each as soon as it is done."""
        labels = self._detector.contract.labels
        for one in asked:
            if one.fault is not None:
                yield one, frame_fault_view(one.view, one.fault.value, labels), ""
        healthy = [one for one in asked if one.fault is None]
        step = self._detector.pictures_max
        for first in range(0, len(healthy), step):
            yield from self._together(healthy[first : first + step])

    def _together(self, asked: Sequence[Asked]) -> Iterator[Looked]:
        """Those of one run of the detector."""
        contract = self._detector.contract
        placed = [_tried(place_view, one.view, self._recipe, contract) for one in asked]
        crops = [item.crop for item in placed if isinstance(item, PlacedView) and item.crop is not None]
        waiting = self._beside(lambda: self._detect(crops)) if crops else None
        # Sized, too, while the detector runs: once its boxes come, nothing is left to be worked out.
        sized = [self._sized(one, item) for one, item in zip(asked, placed, strict=True)]
        boxes = iter(waiting() if waiting is not None else ())
        for one, item, found in zip(asked, placed, sized, strict=True):
            seen = next(boxes) if isinstance(item, PlacedView) and item.crop is not None else None
            yield self._looked(one, item, found, seen)

    def _sized(self, one: Asked, placed: PlacedView | Exception) -> ViewFindings | Exception:
        if isinstance(placed, Exception):
            return placed
        measured = _tried(measure_view, placed, self._recipe)
        if isinstance(measured, Exception):
            return measured
        gauge = self._gauges.of(one.part, one.view.camera)
        return _tried(size_view, placed, measured, self._detector.contract.labels, gauge)

    def _looked(
        self,
        one: Asked,
        placed: PlacedView | Exception,
        sized: ViewFindings | Exception,
        boxes: Detections | Exception | None,
    ) -> Looked:
        failed = next((item for item in (placed, sized, boxes) if isinstance(item, Exception)), None)
        if failed is None:
            # None of the three is an error then; the type checker cannot follow that.
            found = sized if boxes is None else with_boxes(placed, sized, boxes)  # type: ignore[arg-type]
            return one, found, ""  # type: ignore[return-value]
        found = frame_fault_view(one.view, "inspection_error", self._detector.contract.labels)
        return one, found, f"part {one.part.part_id}: {failed}"

    def _detect(self, crops: Sequence[UInt8Array]) -> Sequence[Detections | Exception]:
        """Boxes in each crop; a run that fails is done again one by one, and only the guilty fails."""
        together = _tried(self._detector.detect_many, crops, self._min_score)
        if not isinstance(together, Exception):
            return together
        return [_tried(self._detector.detect, crop, self._min_score) for crop in crops]


def _tried(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """What came of it, or what went wrong with it."""
    try:
        return work(*args, **kwargs)
    except _TROUBLE as error:
        return error
