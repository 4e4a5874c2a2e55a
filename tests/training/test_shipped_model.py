"""The shipped models, on the bare edge install: contract, size, licence, card and sense."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from datasets.synthetic.bank import BallBank
from edge_runtime.models import read_model
from training.evaluation.ball_bank import bank_crop
from vision.contract import BALL_LABELS, RAIL_LABELS
from vision.detector import Detector

PACKAGE = Path(__file__).parents[2] / "models" / "ferrogate_models"
SHIPPED: dict[str, dict[str, str]] = json.loads((PACKAGE / "shipped.json").read_text(encoding="utf-8"))
FILES = [
    (station, precision, name)
    for station, files in SHIPPED.items()
    for precision, name in files.items()
    if precision != "default"
]
LARGEST_BYTES = 30_000_000


@pytest.mark.parametrize(("station", "precision", "name"), FILES)
def test_contract(station: str, precision: str, name: str) -> None:
    content = (PACKAGE / name).read_bytes()
    contract = Detector(content, name, station="ball" if station == "ball" else "rail").contract
    assert contract.labels == (BALL_LABELS if station == "ball" else RAIL_LABELS)
    assert contract.precision == precision
    assert contract.licence == "AGPL-3.0-only"
    assert contract.data_terms
    assert all(0.05 <= threshold <= 0.96 for threshold in contract.thresholds.values())
    if precision != "fp32":
        assert contract.gate is not None
        fp32 = (PACKAGE / SHIPPED[station]["fp32"]).read_bytes()
        assert contract.gate.fp32_sha256 == hashlib.sha256(fp32).hexdigest()
        assert contract.gate.map50_fp32 - contract.gate.map50 <= 0.01
        assert contract.gate.verdict_flips * 50 <= contract.gate.golden_pictures


@pytest.mark.parametrize("station", sorted(SHIPPED))
def test_default_is_found_by_its_name(station: str) -> None:
    files = SHIPPED[station]
    model = read_model(f"ferrogate-models:{station}")
    assert model.path.name == files[files["default"]]
    assert read_model(f"ferrogate-models:{station}_fp32").path.name == files["fp32"]


@pytest.mark.parametrize("station", sorted(SHIPPED))
def test_card_and_licence_lie_beside_it(station: str) -> None:
    card = (PACKAGE / f"MODEL_CARD_{station}.md").read_text(encoding="utf-8")
    contract = Detector((PACKAGE / SHIPPED[station]["fp32"]).read_bytes(), station).contract
    assert contract.training_sha256 in card
    assert ("For evaluation" in card) or not contract.evaluation_only
    licence = (PACKAGE.parent / "LICENSE").read_text(encoding="utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in licence


def test_files_are_those_of_the_index_and_small() -> None:
    found = {path.name for path in PACKAGE.glob("*.onnx")}
    assert found == {name for _, _, name in FILES}
    assert sum((PACKAGE / name).stat().st_size for name in found) < LARGEST_BYTES


@pytest.fixture(scope="module")
def detector() -> Detector:
    model = read_model("ferrogate-models:ball")
    return Detector(model.data, model.name, station="ball", threads=1)


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
