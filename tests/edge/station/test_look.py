"""Views looked at together: each gets what it gets alone; one that cannot be inspected spoils no other."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import load_recipe
from edge_runtime.encoder import wrap
from edge_runtime.recipes import default_recipe_path
from edge_runtime.station.beside import BesideThread
from edge_runtime.station.look import Asked, Looker
from tests.edge.core_rig import Rig, pass_ball, ready
from tests.vision.test_detector_many import free_model
from vision.detector import MIN_SCORE, Detector
from vision.errors import ContractError
from vision.recipe import FindingRule
from vision.recipe_parts import Limit
from vision.types import Detections, Frame, FrameFault, UInt8Array, ViewFault

RECIPE = load_recipe(default_recipe_path("40"))


@pytest.fixture
def asked() -> list[Asked]:
    """Three views of one ball."""
    rig = ready(Rig())
    pass_ball(rig)
    found: list[Asked] = []
    while len(found) < 3:
        rig.now += 256 - rig.now % 256
        rig.core.on_status(rig.header())
        frame = Frame("left", rig.number, wrap(rig.now), rig.now, None, 40.0, rig.picture())
        found += [Asked(*item, None) for item in rig.core.tracker.on_frame(frame, 200.0)]
    return found[:3]


def looker(detector: Detector, beside: BesideThread | None = None) -> Looker:
    return Looker(RECIPE, detector, Rig().core._gauges, beside)


def test_together_is_the_same_as_alone(asked: list[Asked]) -> None:
    detector = Detector(free_model(), "free", station="ball")
    beside = BesideThread()
    try:
        together = list(looker(detector, beside).look(asked))
    finally:
        beside.close()
    alone = [item for one in asked for item in looker(detector).look([one])]
    assert [item[0] for item in together] == asked
    for (_, found, trouble), (_, expected, _) in zip(together, alone, strict=True):
        assert trouble == ""
        assert found.fault is ViewFault.OK
        assert found.outline == expected.outline
        assert found.diameter_mean_mm == expected.diameter_mean_mm
        assert np.array_equal(found.detections.xyxy_px, expected.detections.xyxy_px)
        assert np.array_equal(found.detections.score, expected.detections.score)


def test_only_the_view_that_the_model_fails_on_proves_nothing(asked: list[Asked]) -> None:
    detector = Detector(free_model(), "free", station="ball")
    guilty = asked[1].view.image
    runs: list[int] = []
    run = detector._run

    def failing(images: list[UInt8Array], min_score: float) -> list[Detections]:
        runs.append(len(images))
        if any(np.shares_memory(image, guilty) for image in images):
            raise ContractError(
                "the model gave numbers that are not finite", where="free", todo="export it again"
            )
        return run(images, min_score)

    detector._run = failing  # type: ignore[assignment, method-assign]
    looked = list(looker(detector).look(asked))
    assert [trouble != "" for _, _, trouble in looked] == [False, True, False]
    assert [found.fault for _, found, _ in looked] == [ViewFault.OK, ViewFault.FRAME, ViewFault.OK]
    assert runs == [3, 1, 1, 1]


def test_a_limit_below_what_detectors_list_by_themselves_is_looked_for(asked: list[Asked]) -> None:
    detector = Detector(free_model(), "free", station="ball")
    asked_for: list[float] = []
    run = detector._run

    def noted(images: list[UInt8Array], min_score: float) -> list[Detections]:
        asked_for.append(min_score)
        return run(images, min_score)

    detector._run = noted  # type: ignore[assignment, method-assign]
    low = Limit(value=0.03, source="a foreman's wish", verified=False)
    findings = RECIPE.findings | {"crack": FindingRule(review_score=low)}
    strict = RECIPE.model_copy(update={"findings": findings})
    list(Looker(strict, detector, Rig().core._gauges).look(asked[:1]))
    list(looker(detector).look(asked[:1]))
    assert asked_for == [0.03, MIN_SCORE]


def test_a_view_of_an_unhealthy_frame_is_not_looked_at(asked: list[Asked]) -> None:
    detector = Detector(free_model(), "free", station="ball")
    dark = Asked(asked[0].part, asked[0].due, asked[0].view, FrameFault.BLACK)
    looked = list(looker(detector).look([dark, asked[1]]))
    by_view = {id(one): (found, trouble) for one, found, trouble in looked}
    found, trouble = by_view[id(dark)]
    assert (found.fault, found.detail, trouble) == (ViewFault.FRAME, "black", "")
    assert by_view[id(asked[1])][0].fault is ViewFault.OK
