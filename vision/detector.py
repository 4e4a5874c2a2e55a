"""The detector: an ONNX model from bytes, its contract checked, boxes out.

Neighbours: `vision.contract` says what the file promises, `vision.preprocess` makes the
input, `vision.providers` chooses where it runs, `vision.ball` calls `detect`. Thresholds
are applied by the judge, not here.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Literal

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from vision.contract import BALL_LABELS, RAIL_LABELS, ModelContract, contract_from_metadata
from vision.errors import ContractError
from vision.preprocess import Letterbox, empty_input, input_channels, preprocess
from vision.providers import (
    CPU,
    ProviderChoice,
    choose_provider,
    fallback_note,
    missing_provider,
    open_session,
    short_name,
)
from vision.types import Detections, Float32Array, UInt8Array

#: Boxes below this are noise of the head and only cost time.
MIN_SCORE = 0.05
#: Pictures of one run at most, for a model whose number of pictures is free: more gain next to nothing.
PICTURES_MAX = 4

#: columns of an output row behind the box's corners
_SCORE, _CLASS = 4, 5
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
    UnicodeDecodeError,  # names or metadata of the graph that are no text
)


def session_options(threads: int, *, spinning: bool = False) -> ort.SessionOptions:
    """How the line runs a model: so many threads, and none of them spins while it waits.

    Args:
        threads: of ONNX Runtime's pool.
        spinning: they may, where several have the machine to themselves: quicker, but a pool that spins takes
            the cores that capture and PLC link need.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.add_session_config_entry("session.inter_op.allow_spinning", str(int(spinning)))
    options.log_severity_level = 4
    return options


class Detector:
    """One loaded model. Not for use from two threads at once (it owns one input buffer).

    A model whose number of pictures is free (a symbolic first side) takes up to `PICTURES_MAX` in one run;
    any other takes them one by one.

    Args:
        model_bytes: the ONNX file's content.
        name: the file's name, for error texts.
        station: refuse a model made for another station; None takes any.
        provider: 'cpu', 'cuda', ... or ONNX Runtime's own name.
        allow_fallback: True: run on CPU when the provider is missing, and say so in `provider_note`.
        threads: threads of ONNX Runtime's pool, at least 1.
        spinning: they may spin while they wait, see `session_options`.

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
        spinning: bool = False,
    ) -> None:
        self.name = name
        self.sha256 = hashlib.sha256(model_bytes).hexdigest()
        choice = choose_provider(provider, allow_fallback=allow_fallback)
        options = partial(session_options, threads, spinning=spinning)
        self._session = _open_session(model_bytes, name, choice, threads, options)
        running_on: str = self._session.get_providers()[0]
        self.provider_note = choice.note
        if running_on != choice.ort_names[0]:
            why = "it did not start (driver or libraries missing)"
            if not allow_fallback:
                raise missing_provider(choice.ort_names[0], why)
            self.provider_note = fallback_note(choice.ort_names[0], why)
        self.provider = short_name(running_on)
        self.contract = contract_from_metadata(_metadata(self._session, name), where=name)
        _check_station(self.contract, station, name)
        _check_graph(self._session, self.contract, name)
        free = not isinstance(self._session.get_inputs()[0].shape[0], int)
        self.pictures_max = PICTURES_MAX if free else 1
        self._input = np.concatenate([empty_input(self.contract.input)] * self.pictures_max)
        # One for each number of pictures, made once.
        self._runs = [
            _bound_run(self._session, self.contract, self._input[: n + 1]) for n in range(self.pictures_max)
        ]
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
            if self.pictures_max > 1:
                self.detect_many([grey] * self.pictures_max)

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
        return self.detect_many([image], min_score)[0]

    def detect_many(self, images: Sequence[UInt8Array], min_score: float = MIN_SCORE) -> list[Detections]:
        """Find boxes in several pictures; each gets the boxes that `detect` finds in it.

        Args:
            images: any number, each of its own size.
            min_score: as for `detect`.

        Raises:
            ImageError, ContractError: as `detect`, whichever picture is to blame.
        """
        found: list[Detections] = []
        for first in range(0, len(images), self.pictures_max):
            found += self._run(images[first : first + self.pictures_max], min_score)
        return found

    def _run(self, images: Sequence[UInt8Array], min_score: float) -> list[Detections]:
        spec = self.contract.input
        boxes = [preprocess(image, spec, self._input[at : at + 1])[1] for at, image in enumerate(images)]
        try:
            output = self._runs[len(images) - 1]()
        except ORT_ERRORS as error:
            raise ContractError(
                f"the model failed while running: {_first_line(error)}",
                where=self.name,
                todo="export it again",
            ) from error
        rows = _checked_rows(output, len(images), self.name)
        return [self._read(rows[at], box, min_score) for at, box in enumerate(boxes)]

    def _read(self, rows: list[list[float]], box: Letterbox, min_score: float) -> Detections:
        # In plain Python: rows are few, and next to a small network every call of numpy shows.
        limit = float(np.float32(min_score))
        best = [row for row in rows if row[_SCORE] >= limit]
        labels = self.contract.labels
        if not best:
            return Detections.empty(labels)
        best.sort(key=itemgetter(_SCORE), reverse=True)
        class_id = [round(row[_CLASS]) for row in best]
        if min(class_id) < 0 or max(class_id) >= len(labels):
            raise ContractError(
                f"the model gave class {max(class_id)}, its contract has {len(labels)} labels",
                where=self.name,
                todo="export it again with the labels it was trained on",
            )
        found = np.array(best, np.float32)
        score = np.minimum(found[:, _SCORE], np.float32(1.0))
        return Detections(box.into_image(found[:, :4]), score, np.array(class_id, np.int64), labels)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _open_session(
    model_bytes: bytes,
    name: str,
    choice: ProviderChoice,
    threads: int,
    options: Callable[[], ort.SessionOptions],
) -> ort.InferenceSession:
    try:
        if choice.plugin:
            with contextlib.suppress(*ORT_ERRORS):
                return open_session(model_bytes, options(), choice, threads)
            # Whether file or provider is to blame, CPU tells; the caller says what it runs on in the end.
            choice = ProviderChoice((CPU,))
        return open_session(model_bytes, options(), choice, threads)
    except ORT_ERRORS as error:
        raise ContractError(
            f"this is not an ONNX model that can be opened: {_first_line(error)}",
            where=name,
            todo="check the file's path and that it was copied whole, or export it again",
        ) from error


def _bound_run(
    session: ort.InferenceSession, contract: ModelContract, tensor: Float32Array
) -> Callable[[], object]:
    """A run of the graph on one tensor, again and again; its output holds until the next run.

    Both buffers are bound once, so that a run neither checks nor allocates anything. Not where the graph does
    not say how many rows come out, nor on other providers than CPU: OpenVINO's goes on with what lay in the
    bound buffer at first.
    """
    name, given = (
        contract.output.name,
        next(o for o in session.get_outputs() if o.name == contract.output.name),
    )
    if not isinstance(given.shape[1], int) or session.get_providers() != [CPU]:
        return lambda: session.run([name], {contract.input.name: tensor})[0]
    rows = np.empty((len(tensor), given.shape[1], 6), np.float32)
    binding = session.io_binding()
    for bind, bound, buffer in (
        (binding.bind_input, contract.input.name, tensor),
        (binding.bind_output, name, rows),
    ):
        bind(bound, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)

    def run() -> object:
        session.run_with_iobinding(binding)
        return rows

    return run


def _metadata(session: ort.InferenceSession, name: str) -> dict[str, str]:
    try:
        # Names, too: the contract is compared with them.
        _ = [item.name for item in (*session.get_inputs(), *session.get_outputs())]
        found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    except ORT_ERRORS as error:
        raise ContractError(
            f"the model's names or metadata cannot be read: {_first_line(error)}",
            where=name,
            todo="check that it was copied whole, or export it again",
        ) from error
    return found


def _checked_rows(output: object, pictures: int, name: str) -> list[list[list[float]]]:
    """The model's output, by picture and row, all finite."""
    good = isinstance(output, np.ndarray) and output.ndim == 3
    if not good or output.shape[0] != pictures or output.shape[2] != 6:  # type: ignore[attr-defined]
        shape = getattr(output, "shape", type(output).__name__)
        raise ContractError(
            f"the model's output must have shape ({pictures}, N, 6), but got {shape}",
            where=name,
            todo="export it with the head its contract names (xyxy_score_class)",
        )
    rows: list[list[list[float]]] = output.tolist()  # type: ignore[attr-defined]
    # A score that is no number would pass every threshold unseen. What is not finite makes the sum so, too.
    if not math.isfinite(sum(sum(row) for picture in rows for row in picture)):
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
