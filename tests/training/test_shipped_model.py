"""The shipped ball model, on the bare edge install: contract, size, licence and sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank
from export.evaluate_bank import bank_crop
from vision.contract import BALL_LABELS
from vision.detector import Detector


@pytest.fixture(scope="module")
def model(repository: Path) -> Path:
    return repository / "models" / "ferrogate_models" / "ball.onnx"


@pytest.fixture(scope="module")
def detector(model: Path) -> Detector:
    return Detector(model.read_bytes(), model.name, station="ball", threads=1)


def test_contract(model: Path, detector: Detector) -> None:
    contract = detector.contract
    assert contract.labels == BALL_LABELS
    assert (contract.input.width_px, contract.input.height_px) == (128, 128)
    assert contract.licence == "AGPL-3.0-only"
    assert all(0.1 <= threshold <= 0.96 for threshold in contract.thresholds.values())
    assert model.stat().st_size < 12_000_000


def test_card_and_licence_lie_beside_it(model: Path) -> None:
    card = (model.parent / "MODEL_CARD_ball.md").read_text(encoding="utf-8")
    assert Detector(model.read_bytes(), model.name).contract.training_sha256[:12] in card
    licence = (model.parent.parent / "LICENSE").read_text(encoding="utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in licence


def test_it_tells_gross_defects_from_good_balls(detector: Detector) -> None:
    """Six balls with defects that no model may miss, and six good ones, in seven views as on the line."""
    bank, rng = BallBank(), np.random.default_rng(3)
    found = {"bad": 0, "good": 0}
    for kind, labels in (("bad", ("double", "half", "spall")), ("good", ("good",))):
        balls = [ball for ball in bank.index.balls if ball.label in labels][:6]
        for ball in balls:
            seen = sorted(bank.views(ball), key=lambda view: -view.truth.defect_px)[:7]
            for view in seen:
                boxes = detector.detect(bank_crop(ball, view, detector.contract.crop_margin, rng))
                limits = [detector.contract.thresholds[boxes.label(k)] for k in range(len(boxes))]
                if any(score >= limit for score, limit in zip(boxes.score, limits, strict=True)):
                    found[kind] += 1
                    break
    assert found == {"bad": 6, "good": 0}
