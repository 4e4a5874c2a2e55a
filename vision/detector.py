"""The detector: an ONNX model from bytes, its contract checked, boxes out.

Neighbours: `vision.contract` says what the file promises, `vision.preprocess` makes the
input, `vision.providers` chooses where it runs, `vision.ball` calls `detect`. Thresholds
are applied by the judge, not here.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from vision.contract import BALL_LABELS, RAIL_LABELS, ModelContract, contract_from_metadata
from vision.errors import ContractError
from vision.preprocess import Letterbox, empty_input, input_channels, preprocess
from vision.providers import choose_provider, fallback_note, missing_provider, short_name
from vision.types import Detections, Float32Array, UInt8Array

#: Boxes below this are noise of the head and only cost time.
MIN_SCORE = 0.05

_STATION_LABELS = {"ball": BALL_LABELS, "rail": RAIL_LABELS}
#: What ONNX Runtime throws for a file or graph it cannot use (they share no base class but Exception).
ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    ort_errors.EPFail,
    RuntimeError,
)


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # A spinning pool would take the cores that capture and PLC link need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    return options


class Detector:
    """One loaded model. Not for use from two threads at once (it owns one input buffer).

    Args:
        model_bytes: the ONNX file's content.
        name: the file's name, for error texts.
        station: refuse a model made for another station; None takes any.
        provider: 'cpu', 'cuda', ... or ONNX Runtime's own name.
        allow_fallback: True: run on CPU when the provider is missing, and say so in `provider_note`.
        threads: threads of ONNX Runtime's pool, at least 1.

    Raises:
        ContractError: not an ONNX model, no contract, a foreign one, or one that the graph does not keep.
        ProviderError: the provider is not there or does not start, and no fallback is allowed.
    """

    def __init__(
        self,
        model_bytes: bytes,
        name: str,
        *,
        station: Literal["ball", "rail"] | None = None,
        provider: str = "cpu",
        allow_fallback: bool = False,
        threads: int = 1,
    ) -> None:
        self.name = name
        self.sha256 = hashlib.sha256(model_bytes).hexdigest()
        choice = choose_provider(provider, allow_fallback=allow_fallback)
        self._session = _open_session(model_bytes, name, choice.ort_names, threads)
        running_on: str = self._session.get_providers()[0]
        self.provider_note = choice.note
        if running_on != choice.ort_names[0]:
            why = "it did not start (driver or libraries missing)"
            if not allow_fallback:
                raise missing_provider(choice.ort_names[0], why)
            self.provider_note = fallback_note(choice.ort_names[0], why)
        self.provider = short_name(running_on)
        metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.contract = contract_from_metadata(metadata, where=name)
        _check_station(self.contract, station, name)
        _check_graph(self._session, self.contract, name)
        self._input = empty_input(self.contract.input)
        self._feed = {self.contract.input.name: self._input}
        self._outputs = [self.contract.output.name]
        self.warm_up(1)

    def warm_up(self, runs: int = 3) -> None:
        """Run on a grey picture, so that the first ball does not pay for lazy set-up.

        Raises:
            ContractError: the model cannot run, or gives something else than it promises.
        """
        spec = self.contract.input
        grey = np.full((spec.height_px, spec.width_px), 128, np.uint8)
        for _ in range(runs):
            self.detect(grey)

    def detect(self, image: UInt8Array, min_score: float = MIN_SCORE) -> Detections:
        """Find boxes in one picture.

        Args:
            image: (H, W) mono8 or (H, W, 3) bgr8, uint8.
            min_score: boxes below it are left out, 0..1.

        Returns:
            Boxes in pixels of `image`, cut at its border, scores falling.

        Raises:
            ImageError: `image` is no picture.
            ContractError: the model failed, or gave numbers that are none or classes it has not.
        """
        _, box = preprocess(image, self.contract.input, self._input)
        try:
            output = self._session.run(self._outputs, self._feed)[0]
        except ORT_ERRORS as error:
            raise ContractError(
                f"the model failed while running: {_first_line(error)}",
                where=self.name,
                todo="export it again",
            ) from error
        return self._read(output, box, min_score)

    def _read(self, output: object, box: Letterbox, min_score: float) -> Detections:
        rows = _checked_rows(output, self.name)
        keep = np.flatnonzero(rows[:, 4] >= min_score)
        keep = keep[np.argsort(-rows[keep, 4], kind="stable")]
        rows = rows[keep]
        class_id: npt.NDArray[np.int64] = np.rint(rows[:, 5]).astype(np.int64)
        labels = self.contract.labels
        if len(class_id) and (class_id.min() < 0 or class_id.max() >= len(labels)):
            raise ContractError(
                f"the model gave class {int(class_id.max())}, its contract has {len(labels)} labels",
                where=self.name,
                todo="export it again with the labels it was trained on",
            )
        xyxy_px = box.clip_to_image(box.to_image(rows[:, :4]))
        score = np.minimum(rows[:, 4], np.float32(1.0)).astype(np.float32)
        return Detections(xyxy_px, score, class_id, labels)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _open_session(
    model_bytes: bytes, name: str, ort_names: tuple[str, ...], threads: int
) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(
            model_bytes, sess_options=_session_options(threads), providers=list(ort_names)
        )
    except ORT_ERRORS as error:
        raise ContractError(
            f"this is not an ONNX model that can be opened: {_first_line(error)}",
            where=name,
            todo="check the file's path and that it was copied whole, or export it again",
        ) from error


def _checked_rows(output: object, name: str) -> Float32Array:
    """The model's output as (N, 6) float32, all finite."""
    if not isinstance(output, np.ndarray) or output.ndim != 3 or output.shape[0] != 1 or output.shape[2] != 6:
        shape = getattr(output, "shape", type(output).__name__)
        raise ContractError(
            f"the model's output must have shape (1, N, 6), but got {shape}",
            where=name,
            todo="export it with the head its contract names (xyxy_score_class)",
        )
    rows: Float32Array = output[0].astype(np.float32, copy=False)
    # A score that is no number would pass every threshold unseen.
    if not np.isfinite(rows).all():
        raise ContractError(
            "the model gave numbers that are not finite",
            where=name,
            todo="export it again and run the parity check",
        )
    return rows


def _check_station(contract: ModelContract, station: str | None, name: str) -> None:
    if station is not None and contract.station != station:
        raise ContractError(
            f"the model is for the {contract.station} station, not for {station}",
            where=name,
            todo=f"give the {station} station its own model",
        )
    if contract.station == "other":
        return
    known = _STATION_LABELS[contract.station]
    unknown = sorted(set(contract.labels) - set(known))
    if unknown:
        raise ContractError(
            f"the model knows labels that no recipe can judge: {', '.join(unknown)}",
            where=name,
            todo=f"labels of the {contract.station} station are: {', '.join(known)}",
        )


def _check_graph(session: ort.InferenceSession, contract: ModelContract, name: str) -> None:
    """The graph's inputs and outputs against the contract; symbolic sizes are free."""
    spec = contract.input
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if [item.name for item in inputs] != [spec.name]:
        _refuse(name, f"its inputs are {[item.name for item in inputs]}, the contract names '{spec.name}'")
    if contract.output.name not in [item.name for item in outputs]:
        _refuse(name, f"its outputs are {[item.name for item in outputs]}, not '{contract.output.name}'")
    expected = (1, input_channels(spec), spec.height_px, spec.width_px)
    if inputs[0].type != "tensor(float)" or not _fits(inputs[0].shape, expected):
        _refuse(
            name, f"its input is {inputs[0].type} {inputs[0].shape}, the contract says float {list(expected)}"
        )
    output = next(item for item in outputs if item.name == contract.output.name)
    if output.type != "tensor(float)" or not _fits(output.shape, (1, None, 6)):
        _refuse(name, f"its output is {output.type} {output.shape}, the contract says float [1, N, 6]")


def _fits(shape: list[int | str | None], expected: tuple[int | None, ...]) -> bool:
    if len(shape) != len(expected):
        return False
    pairs = zip(shape, expected, strict=True)
    return all(not isinstance(got, int) or want is None or got == want for got, want in pairs)


def _refuse(name: str, what: str) -> None:
    raise ContractError(
        f"the model does not fit its contract: {what}",
        where=name,
        todo="export it again with 'ferrogate export'",
    )
