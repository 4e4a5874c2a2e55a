"""The detector: its contract is kept or refused, its provider is the one asked for or said aloud."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime as ort
import pytest

from tests.vision.small_models import SIDE, ball_contract, darkest_model, foreign_metadata
from vision.contract import RAIL_LABELS, InputSpec, RailSpec
from vision.detector import Detector
from vision.errors import ContractError, ProviderError
from vision.providers import available_providers, choose_provider, ort_name, short_name

MISSING = next(
    name for name in ("cuda", "coreml", "directml") if ort_name(name) not in ort.get_available_providers()
)


def test_boxes_are_in_the_pictures_pixels() -> None:
    detector = Detector(darkest_model(class_index=3), "m.onnx", station="ball")
    image = np.full((128, 256), 255, np.uint8)
    image[60:64, 100:104] = 0
    found = detector.detect(image)
    # Input 64 x 64: the picture fills rows 16..48, so the box 16..48 is its 64..192 x 0..128.
    assert len(found) == 1
    assert found.label(0) == "flat"
    assert found.xyxy_px[0] == pytest.approx((64.0, 0.0, 192.0, 128.0), abs=1e-3)
    assert found.score[0] == pytest.approx(1.0, abs=0.02)


def test_min_score_leaves_out() -> None:
    detector = Detector(darkest_model(), "m.onnx")
    image = np.full((SIDE, SIDE), 128, np.uint8)
    assert len(detector.detect(image, min_score=0.6)) == 0
    assert len(detector.detect(image, min_score=0.4)) == 1
    # The second row has score 0: it is there when everything is asked for, and scores fall.
    everything = detector.detect(image, min_score=0.0)
    assert len(everything) == 2
    assert list(everything.score) == sorted(everything.score, reverse=True)


def test_colour_picture_and_hash() -> None:
    data = darkest_model()
    detector = Detector(data, "m.onnx")
    assert len(detector.detect(np.zeros((50, 40, 3), np.uint8))) == 1
    assert len(detector.sha256) == 64
    assert detector.provider == "cpu"
    assert detector.provider_note == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        # no contract at all
        (darkest_model(metadata={}), "no 'ferrogate_contract'"),
        # somebody else's text under the key
        (darkest_model(metadata={"ferrogate_contract": "not json"}), "not JSON"),
        # of a later version
        (darkest_model(metadata=foreign_metadata(version=2)), "version"),
        # with a key that is not ours
        (darkest_model(metadata=foreign_metadata(anchors=[1, 2])), "anchors"),
        # thresholds for other labels than it has
        (darkest_model(metadata=foreign_metadata(thresholds={"crack": 0.5})), "thresholds are for"),
        # labels that no recipe can judge
        (
            darkest_model(metadata=foreign_metadata(labels=["scratch"], thresholds={"scratch": 0.5})),
            "no recipe can judge: scratch",
        ),
        # for the other station
        (
            darkest_model(ball_contract(station="rail", labels=RAIL_LABELS, rail=RailSpec())),
            "for the rail station",
        ),
        # the graph takes another size than the contract says
        (darkest_model(side_px=32), "does not fit its contract"),
        (darkest_model(ball_contract(input=InputSpec(width_px=96, height_px=SIDE))), "does not fit"),
        # the graph takes one channel less than 'gray' is read as
        (
            darkest_model(ball_contract(input=InputSpec(width_px=SIDE, height_px=SIDE, colour="gray"))),
            "does not fit",
        ),
        # other names
        (darkest_model(input_name="x"), "its inputs are ['x']"),
        (darkest_model(output_name="boxes"), "its outputs are ['boxes']"),
        # another head
        (darkest_model(columns=7), "does not fit its contract"),
        # more classes than labels
        (darkest_model(class_index=10), "class 10"),
        # no numbers: would slip under every threshold
        (darkest_model(bad_score=math.nan), "not finite"),
        # no model
        (b"", "not an ONNX model"),
        (b"\x08\x08garbage", "not an ONNX model"),
        (darkest_model()[:200], "not an ONNX model"),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        Detector(data, "foreign.onnx", station="ball")
    assert words in caught.value.what
    assert "foreign.onnx" in caught.value.where
    assert caught.value.todo


def test_missing_provider_is_an_error() -> None:
    with pytest.raises(ProviderError) as caught:
        Detector(darkest_model(), "m.onnx", provider=MISSING)
    assert MISSING in caught.value.what
    assert "cpu" in caught.value.what  # says what is there
    assert caught.value.exit_code == 5


def test_fallback_is_said_aloud() -> None:
    detector = Detector(darkest_model(), "m.onnx", provider=MISSING, allow_fallback=True)
    assert detector.provider == "cpu"
    assert MISSING in detector.provider_note
    assert "running on cpu" in detector.provider_note


def test_unknown_provider_is_no_fallback() -> None:
    """A typo must not become a silent CPU run even where fallbacks are allowed."""
    with pytest.raises(ProviderError, match="no execution provider 'cudda'"):
        choose_provider("cudda", allow_fallback=True)


def test_provider_names() -> None:
    assert "cpu" in available_providers()
    assert ort_name("CUDA") == ort_name("CUDAExecutionProvider") == "CUDAExecutionProvider"
    assert short_name("CPUExecutionProvider") == "cpu"
