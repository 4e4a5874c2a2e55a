"""Model files that are damaged or made up: no contract, a false one, a graph that does something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.models import read_model
from tests.fuzz.strategies import DEEP_JSON, LONG_NUMBER, TEXTS, fuzzed, mutants, one_answer, torn
from tests.vision.small_models import ball_contract, darkest_model
from vision.contract import METADATA_KEY, ModelContract, contract_from_metadata
from vision.detector import Detector
from vision.errors import ContractError, FerrogateError

WHOLE = json.loads(ball_contract().model_dump_json())
MODEL = darkest_model()
GREY = np.full((40, 60), 128, np.uint8)


def read(text: str) -> ModelContract | FerrogateError:
    return one_answer(lambda: contract_from_metadata({METADATA_KEY: text}, where="model.onnx"))


@fuzzed(200)
@given(tree=mutants(WHOLE))
def test_any_contract(tree: Any) -> None:
    found = read(json.dumps(tree))
    if isinstance(found, ModelContract):
        # As good as one that was exported: written and read again it is the same, and strict JSON.
        text = found.model_dump_json()
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in a contract"))
        assert read(text) == found
    else:
        assert isinstance(found, ContractError)


@fuzzed(60)
@given(text=st.text(max_size=200) | torn(json.dumps(WHOLE).encode()).map(lambda data: data.decode("latin-1")))
def test_any_text(text: str) -> None:
    assert isinstance(read(text), ModelContract | ContractError)


@pytest.mark.parametrize("text", [*DEEP_JSON, LONG_NUMBER, '{"version": ' + LONG_NUMBER + "}", "NaN", "null"])
def test_texts_that_break_a_parser(text: str) -> None:
    assert isinstance(read(text), ContractError)


def check_runs(data: bytes) -> None:
    """A model that is taken gives boxes that can be judged; any other is refused with one error."""
    detector = one_answer(lambda: Detector(data, "hostile.onnx", station="ball"))
    if isinstance(detector, FerrogateError):
        return
    found = one_answer(lambda: detector.detect(GREY))
    if isinstance(found, FerrogateError):
        return
    assert np.isfinite(found.xyxy_px).all()
    assert ((found.score >= 0.0) & (found.score <= 1.0)).all()
    assert ((found.class_id >= 0) & (found.class_id < len(detector.contract.labels))).all()


@fuzzed(60)
@given(data=torn(MODEL))
def test_a_damaged_model(data: bytes) -> None:
    check_runs(data)


@fuzzed(25)
@given(tree=mutants(WHOLE))
def test_a_model_that_promises_what_it_does_not_keep(tree: Any) -> None:
    check_runs(darkest_model(metadata={METADATA_KEY: json.dumps(tree)}))


@fuzzed(40)
@given(name=TEXTS)
def test_any_name_of_a_model(name: str) -> None:
    one_answer(lambda: read_model(name))
    one_answer(lambda: read_model(f"ferrogate-models:{name}"))


def test_a_model_without_an_end_is_not_read() -> None:
    assert isinstance(one_answer(lambda: read_model("/dev/zero")), FerrogateError)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert isinstance(one_answer(lambda: read_model(str(tmp_path))), FerrogateError)
