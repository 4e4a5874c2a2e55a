"""Learning from masks: targets follow the pixels, the loss teaches, nothing of it is left in the weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the training extra")

import torch

from datasets.records import BoxRecord, DataSet, SampleRecord, write_coco
from datasets.training_run import Faintest, SourceSettings, StageSettings
from training import tiles
from training.dense import CELL_PX, DENSE_PREFIX, DenseDetectionModel, cell_loss, cells
from training.engine import StageJob, run_stage
from training.tiles import UNKNOWN_MARK, SampleMaker
from vision.errors import ImageError

pytestmark = pytest.mark.train
SIDE = 64
LABELS = ("a", "b")


def _renders(folder: Path, *, masks: bool = True, contrast: float = 40.0) -> None:
    """Dark squares on grey, one a picture, with numbered masks; the last picture is good."""
    (folder / "masks").mkdir(parents=True)
    samples = []
    for number in range(5):
        picture = np.full((SIDE, SIDE), 120, np.uint8)
        truth: dict[str, str | float | bool | None] = {"ball_label": "good"}
        boxes: tuple[BoxRecord, ...] = ()
        if number < 4:
            x, y = 8 + 9 * number, 12 + 7 * number
            picture[y : y + 8, x : x + 12] = 20
            mask = (picture == 20).astype(np.uint8)
            if masks:
                cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
            label = LABELS[number % 2]
            boxes = (BoxRecord(label=label, xyxy_px=(x, y, x + 12.0, y + 8.0), area_px=96),)
            truth = {
                "ball_label": label,
                "mask_file": f"masks/{number}.png",
                "contrast_grey": contrast,
                "noise_grey": 2.0,
                "defect_px": 96.0,
            }
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        samples.append(
            SampleRecord(
                file=f"{number}.png",
                width_px=SIDE,
                height_px=SIDE,
                group=str(number),
                source="drawn",
                label="",
                split="train",
                boxes=boxes,
                truth=truth,
            )
        )
    write_coco(DataSet(labels=LABELS, samples=tuple(samples)), folder)


def _stage(**changes: object) -> StageSettings:
    fields = {
        "name": "ball",
        "kind": "ball",
        "sources": (SourceSettings(folder="set", share=1.0),),
        "epochs": 1,
        "samples_per_epoch": 8,
        "mask_gain": 1.0,
        "plain_share": 1.0,
        "zoom": (0.9, 1.1),
    }
    return StageSettings.model_validate(fields | changes)


def test_masks_move_with_their_pixels(tmp_path: Path) -> None:
    _renders(tmp_path / "set")
    maker = SampleMaker(tmp_path, _stage(), LABELS, SIDE, None, seed=1)
    shown = 0
    for number in range(24):
        sample = maker.draw(0, number)
        dark, marked = sample.tile < 60, sample.marks > 0
        if not dark.any():
            assert not marked.any()
            continue
        shown += 1
        both = (dark & marked).sum() / (dark | marked).sum()
        assert both > 0.7  # an edge pixel more or less
        assert set(np.unique(sample.marks[marked])) == {int(sample.classes[0]) + 1}
    assert shown > 10


def test_a_mask_that_is_gone_is_an_error(tmp_path: Path) -> None:
    _renders(tmp_path / "set", masks=False)
    with pytest.raises(ImageError, match="mask cannot be read"):
        SampleMaker(tmp_path, _stage(), LABELS, SIDE, None, seed=1)


def test_faint_renders_are_left_out_and_good_ones_stay(tmp_path: Path) -> None:
    _renders(tmp_path / "set", contrast=3.0)
    limits = Faintest(contrast_grey=8.0, contrast_over_noise=0.0, visible_px=0.0)
    assert SampleMaker(tmp_path, _stage(faintest=limits), LABELS, SIDE, None, seed=1).pictures == 1
    assert SampleMaker(tmp_path, _stage(), LABELS, SIDE, None, seed=1).pictures == 5


def test_a_cell_shows_what_is_anywhere_in_it() -> None:
    marks = np.zeros((SIDE, SIDE), np.uint8)
    marks[9, 14] = 2
    expected = np.zeros((SIDE // CELL_PX, SIDE // CELL_PX), np.uint8)
    expected[2, 3] = 2
    assert np.array_equal(cells(marks), expected)


def test_the_loss_is_least_for_the_truth_and_ignores_the_unknown() -> None:
    shown = torch.zeros((1, 4, 4), dtype=torch.uint8)
    shown[0, 1, 2] = 2
    right = torch.full((1, 2, 4, 4), -8.0)
    right[0, 1, 1, 2] = 8.0
    wrong = torch.full((1, 2, 4, 4), -8.0)
    wrong[0, 0, 1, 2] = 8.0
    assert float(cell_loss(right, shown)) < 0.01 < float(cell_loss(wrong, shown))
    unknown = torch.full((1, 4, 4), UNKNOWN_MARK, dtype=torch.uint8)
    assert float(cell_loss(wrong, unknown)) == 0.0


def test_the_layer_learns_and_stays_out_of_the_weights(tmp_path: Path) -> None:
    _renders(tmp_path / "set")
    job = StageJob(data=tmp_path, stage=_stage(epochs=2), labels=LABELS, input_px=SIDE, rail=None, seed=1)
    said: list[float] = []

    def note(trainer: object) -> None:
        said.append(float(trainer.tloss["cell_loss"]))  # type: ignore[attr-defined]

    weights = run_stage(
        job,
        tmp_path / "run",
        architecture="yolo26n.yaml",
        batch=4,
        weight_decay=0.0005,
        device="cpu",
        callbacks={"on_train_epoch_end": [note]},
    )
    assert len(said) == 2
    assert all(0.0 < loss < 20.0 for loss in said)
    state = torch.load(weights, weights_only=True)
    assert not [name for name in state if name.startswith(DENSE_PREFIX)]
    from ultralytics.nn.tasks import DetectionModel

    DetectionModel("yolo26n.yaml", nc=len(LABELS), verbose=False).load_state_dict(state)


def test_gradients_of_the_cells_reach_the_stem() -> None:
    model = DenseDetectionModel("yolo26n.yaml", nc=2, verbose=False)
    model.train()
    finest = model.forward(torch.rand(2, 3, SIDE, SIDE))["one2many"]["feats"][0]
    cell_loss(model.dense(finest), torch.ones((2, 16, 16), dtype=torch.uint8)).backward()
    stem = next(model.model[0].parameters())
    assert stem.grad is not None
    assert float(stem.grad.abs().sum()) > 0.0


def test_rails_ask_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.plans import BALL, RAIL, STEEL

    assert BALL.mask_gain > 0.0
    assert (RAIL.mask_gain, STEEL.mask_gain) == (0.0, 0.0)
    assert tiles.UNKNOWN_MARK == 255
