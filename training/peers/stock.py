"""What (b) compares with: the stock recipe trained on line frames, and its own stock export.

One folder: `frames` (the train and val views laid out), `run` and `baseline.json`
(`training.evaluation.baseline`: a run that was stopped goes on, a finished one is used again), and at the end
`stock.onnx` with `stock.json`. Neighbours: `line_frames` makes the frames, `line_task` runs the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from datasets.records import COCO_FILE, DataSet, read_coco
from datasets.training_run import read_manifest
from training.evaluation.baseline import DONE_FILE, BaselineSettings, EpochReport, train_baseline
from training.peers.line_frames import SIDE_PX, build_frames
from vision.errors import ConfigError

FRAMES, MODEL, RECORD, EFFORT = "frames", "stock.onnx", "stock.json", "effort.json"


@dataclass(frozen=True, slots=True)
class Stock:
    """A trained and exported stock recipe: its ONNX file and what it was made of.

    Attributes:
        epochs: that it began; a limit of time may have cut the last one short.
        frames: it was trained on.
        cpu_s, wall_s: its training took, validations counted in.
    """

    file: Path
    sha256: str
    epochs: int
    frames: int
    cpu_s: float
    wall_s: float
    recipe: str


def train_stock(
    ball_set: Path,
    out: Path,
    settings: BaselineSettings,
    *,
    step: Callable[[], object],
    report: EpochReport,
) -> Stock:
    """Make the frames, train, export; what is done already is not done again.

    Args:
        ball_set: folder of the rendered crops that our model was trained on.
        out: folder of all of it.
        settings: of the recipe; `input_px` is the frames' side.
        step: called after every frame that is laid out.
        report: called after each epoch.

    Raises:
        ConfigError: another baseline lies in `out`, or the set has nothing to lay out.
        DataError: a picture cannot be read or written.
        FerrogateError: the training extra is missing.
    """
    frames = out / FRAMES
    data = _frames(ball_set, frames, settings.seed, step)
    effort = _Effort(out / EFFORT)

    def after_epoch(done: int, epochs: int) -> None:
        effort.keep()
        report(done, epochs)

    trained = (out / DONE_FILE).is_file()
    weights = train_baseline(data, frames, data.labels, out, settings, after_epoch)
    if not trained:
        effort.keep()
    elif (made := read_stock(out)) is not None:
        return made
    from ultralytics import YOLO

    # Its progress goes to stdout, which is ours.
    with contextlib.redirect_stdout(sys.stderr):
        exported = Path(YOLO(str(weights)).export(format="onnx", imgsz=SIDE_PX, device="cpu"))
    content = exported.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    train = len(data.of_split("train"))
    epochs = _epochs_begun(out / "run" / "results.csv")
    recipe = (
        f"YOLO26n from scratch on {train} line frames of {SIDE_PX} px, {epochs} epochs begun in "
        f"{effort.cpu_s / 60:.0f} min of processor time, all else ultralytics' defaults (version "
        f"{metadata.version('ultralytics')}), seed {settings.seed}; its own export"
    )
    stock = Stock(out / MODEL, sha256, epochs, train, round(effort.cpu_s, 1), round(effort.wall_s, 1), recipe)
    _write(out / MODEL, content)
    _write(out / RECORD, (json.dumps(asdict(stock) | {"file": MODEL}, indent=1) + "\n").encode())
    return stock


def read_stock(out: Path) -> Stock | None:
    """The finished stock recipe in a folder; None where none was finished.

    Raises:
        ConfigError: what lies there is broken.
    """
    try:
        text = (out / RECORD).read_text(encoding="utf-8")
        content = (out / MODEL).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(out, error.strerror or str(error)) from error
    try:
        stock = Stock(**(json.loads(text) | {"file": out / MODEL}))
    except (ValueError, TypeError) as error:
        raise _broken(out, f"{RECORD} is no record of it") from error
    if hashlib.sha256(content).hexdigest() != stock.sha256:
        raise _broken(out, f"{MODEL} is not the file that was exported")
    return stock


def hours_of(run: Path) -> float:
    """Hours of the clock that our own run took, all of its stages together: the stock recipe's budget.

    Raises:
        ConfigError: there is no finished run, or it does not say.
    """
    epochs = read_manifest(run).metrics.get("epochs")
    seconds = (
        [one.get("seconds") for one in epochs if isinstance(one, dict)] if isinstance(epochs, list) else []
    )
    known = [float(one) for one in seconds if isinstance(one, int | float)]
    if not known or len(known) != len(seconds):
        raise ConfigError(
            "the run does not say how long its epochs took",
            where=str(run),
            todo="give the stock recipe's budget with --hours or --epochs",
        )
    return sum(known) / 3600.0


class _Effort:
    """Time that the training took, kept over stops in a file.

    Attributes:
        cpu_s, wall_s: till `keep` was called last, of all processes that trained.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.cpu_s = self.wall_s = 0.0
        if file.is_file():
            try:
                said = json.loads(file.read_text(encoding="utf-8"))
                self.cpu_s, self.wall_s = float(said["cpu_s"]), float(said["wall_s"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise _broken(file.parent, f"{EFFORT} is no record of it") from error
        self._before = self.cpu_s - time.process_time(), self.wall_s - time.perf_counter()

    def keep(self) -> None:
        """Count what was used since this was made."""
        self.cpu_s = self._before[0] + time.process_time()
        self.wall_s = self._before[1] + time.perf_counter()
        _write(self._file, (json.dumps({"cpu_s": self.cpu_s, "wall_s": self.wall_s}) + "\n").encode())


def _epochs_begun(results: Path) -> int:
    """The last line's epoch in ultralytics' table of the run."""
    try:
        return int(float(results.read_text(encoding="utf-8").strip().splitlines()[-1].partition(",")[0]))
    except (OSError, ValueError, IndexError) as error:
        raise _broken(results.parent, f"{results.name} does not say how many epochs it took") from error


def _frames(ball_set: Path, frames: Path, seed: int, step: Callable[[], object]) -> DataSet:
    if (frames / COCO_FILE).is_file():
        data = read_coco(frames)
        if (data.info.get("of"), data.info.get("seed")) == (str(ball_set), seed):
            return data
    return build_frames(ball_set, frames, ("train", "val"), seed, step=step)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise ConfigError(
            f"it cannot be written: {error.strerror or error}", where=str(path), todo="make room on the disk"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _broken(out: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the stock recipe that lies here cannot be used: {why}",
        where=str(out),
        todo="remove the folder, or name another, and make it again: 'ferrogate bench peers --train-stock'",
    )
