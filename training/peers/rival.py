"""Ultralytics as it runs an ONNX file on pictures in memory: `predict(picture, stream=True)`.

That is how its documents hand it a frame of a camera. Beside it there is a loader of its own kind which hands
over one picture after the other without an end, so that not even the set-up of a call is paid for: the best
that can be made of it, not something it offers. The threads of ONNX Runtime's session are set, where it would
take the default; nothing else is changed, and torch's are those that it chooses itself. Neighbours:
`same_file`, `line_task`.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.extra import require_training
from vision.statistics.in_turn import Work
from vision.types import Detections, UInt8Array

#: findings kept of one picture, by ultralytics and by our export
MOST = 50


class Rival:
    """One ONNX file in ultralytics' hands.

    Args:
        file: with ultralytics' own metadata.
        side_px: of its input.
        conf: score from which it keeps a finding.
        threads: of ONNX Runtime.

    Raises:
        FerrogateError: the training extra is missing.
    """

    def __init__(self, file: Path, side_px: int, conf: float, threads: int) -> None:
        require_training("torch", "ultralytics")
        self._file, self._threads = file, threads
        self._settings = {
            "imgsz": side_px,
            "conf": conf,
            "max_det": MOST,
            "device": "cpu",
            "verbose": False,
            "stream": True,
        }
        self._network = self._opened(side_px)

    def _opened(self, side_px: int) -> Any:
        from ultralytics import YOLO

        network = YOLO(str(self._file), task="detect")
        with _threads_of_sessions(self._threads):
            # Opens the session, which it keeps.
            list(network.predict(np.zeros((side_px, side_px, 3), np.uint8), **self._settings))
        return network

    def _predict(self, picture: UInt8Array) -> Any:
        (result,) = self._network.predict(picture, **self._settings)
        return result

    def calls(self, pictures: Sequence[UInt8Array]) -> Work:
        """A call of `predict` for every picture, (H, W, 3) bgr8 each, taken in turn."""
        taken = itertools.cycle(pictures)

        def work(calls: int) -> None:
            for _ in range(calls):
                self._predict(next(taken))

        return work

    def handed_over(self, pictures: Sequence[UInt8Array]) -> Work:
        """One call for all: pictures are handed over in memory, one by one."""
        # A network of its own: one holds its lock as long as its stream is open.
        network = self._opened(int(pictures[0].shape[0]))
        results: Iterator[Any] = network.predict(_endless(pictures), **self._settings)

        def work(calls: int) -> None:
            for _ in range(calls):
                next(results)

        return work

    def found(
        self, pictures: Iterable[UInt8Array], labels: tuple[str, ...], step: Callable[[], object]
    ) -> list[Detections]:
        """Boxes in every picture, in its pixels, scores falling."""
        found = []
        for picture in pictures:
            rows = self._predict(picture).boxes.data.cpu().numpy().astype(np.float32).reshape(-1, 6)
            rows = rows[np.argsort(-rows[:, 4], kind="stable")]
            found.append(Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), labels))
            step()
        return found


def metadata_for(labels: Sequence[str], side_px: int) -> dict[str, str]:
    """What ultralytics wants to read in an ONNX file without a suppression of duplicates."""
    values: dict[str, object] = {
        "task": "detect",
        "stride": 32,
        "batch": 1,
        "channels": 3,
        "imgsz": [side_px, side_px],
        "names": dict(enumerate(labels)),
        "end2end": True,
        "args": {},
    }
    return {key: str(value) for key, value in values.items()}


def labels_in(metadata: dict[str, str]) -> tuple[str, ...]:
    """Class names of a file that ultralytics exported, in order."""
    names: dict[int, str] = ast.literal_eval(metadata["names"])
    return tuple(names[index] for index in sorted(names))


def _endless(pictures: Sequence[UInt8Array]) -> Any:
    from ultralytics.data.loaders import LoadPilAndNumpy, SourceTypes

    class Endless(LoadPilAndNumpy):  # type: ignore[misc]  # no type information of its own
        """Hands the pictures over one by one, again and again."""

        source_type = SourceTypes(from_img=True)

        def __init__(self) -> None:
            super().__init__(list(pictures))
            self.bs = 1
            self._next = 0

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> tuple[list[str], list[UInt8Array], list[str]]:
            at = self._next % len(self.im0)
            self._next += 1
            return [self.paths[at]], [self.im0[at]], [""]

        def __len__(self) -> int:
            return 1

    return Endless()


@contextlib.contextmanager
def _threads_of_sessions(threads: int) -> Iterator[None]:
    """ONNX Runtime's sessions opened meanwhile get so many threads; ultralytics offers no way to say it."""
    import onnxruntime

    opened = onnxruntime.InferenceSession

    def open_with(model: Any, sess_options: Any = None, **more: Any) -> Any:
        options = sess_options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return opened(model, options, **more)

    onnxruntime.InferenceSession = open_with
    try:
        yield
    finally:
        onnxruntime.InferenceSession = opened
