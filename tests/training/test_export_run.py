"""Export and parity on a run in miniature: what is written, what is compared, what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.extra import needs_training
from vision.contract import RAIL_LABELS
from vision.detector import Detector
from vision.errors import ConfigError, ContractError, FerrogateError

pytestmark = [pytest.mark.train, needs_training, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained rail run and its data."""
    from tests.training.small_runs import make_run

    folder = tmp_path_factory.mktemp("rail")
    make_run(folder / "run", folder / "data", "rail")
    return folder / "run"


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(report, file) of a whole export, with INT8."""
    from export.export_run import export_run

    out = tmp_path_factory.mktemp("out") / "rail.onnx"
    (out.parent / "rail_bf16.onnx").write_bytes(b"of an earlier export")
    return export_run("rail", run, out, command="ferrogate export rail"), out


def test_files_are_written_whole_and_together(exported: Any) -> None:
    report, out = exported
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "MODEL_CARD_rail.md",
        "rail.onnx",
        "rail_int8.onnx",
    ]
    assert report.files[str(out)] == out.stat().st_size
    assert report.parity.boxes > 0
    assert report.parity.agrees


def test_contract_says_what_training_and_export_know(exported: Any) -> None:
    report, out = exported
    fp32 = Detector(out.read_bytes(), out.name, station="rail").contract
    int8 = Detector((out.parent / "rail_int8.onnx").read_bytes(), "i", station="rail").contract
    assert fp32.labels == RAIL_LABELS
    assert fp32.rail == report.manifest.settings.rail
    assert (fp32.licence, fp32.evaluation_only) == ("AGPL-3.0-only", True)
    assert fp32.data_terms == ("drawn: none stated",)
    assert fp32.training_sha256 == report.manifest.sha256()
    assert fp32.data_sha256 == report.manifest.data_sha256
    assert fp32.thresholds == report.chosen.thresholds
    assert int8.precision == "int8"
    assert int8.thresholds == fp32.thresholds
    assert int8.gate is not None
    assert int8.gate.fp32_sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert int8.gate.golden_pictures == 8  # two val pictures of four tiles
    assert (out.parent / "rail_int8.onnx").stat().st_size < 0.4 * out.stat().st_size


def test_card_names_terms_seeds_commands_and_the_weakest(exported: Any) -> None:
    card = (exported[1].parent / "MODEL_CARD_rail.md").read_text(encoding="utf-8")
    for text in (
        "**For evaluation.**",
        "drawn: none stated",
        "ferrogate train rail --data",
        "# the command that made this set is not recorded: frames",
        "Escapes: labelled boxes of the label",
        "Probability there:",
        "Weakest: **defect**",
        "no **gap**",
        exported[0].contract.training_sha256,
    ):
        assert text in card
    assert "nan" not in card


def _interval(value: float | None) -> dict[str, float | None]:
    return {"value": value, "low": 0.1, "high": None, "resamples": 9}


def test_card_takes_the_figures_of_evaluate(exported: Any, tmp_path: Path) -> None:
    from export.card import EVALUATION_FILE, model_card

    report = exported[0]
    rate = {"hits": 3, "n": 40, "low": 0.0157, "high": 0.2039}
    labels = [
        {"label": "gap", "objects": 9, "ap50": _interval(0.125), "ap50_95": 0.1},
        {"label": "dirt", "objects": 0, "ap50": _interval(None), "ap50_95": None},
    ]
    detection = {
        "pictures": 77,
        "groups": 5,
        "map50": _interval(0.5),
        "map50_95": _interval(None),
        "labels": labels,
    }
    content = {
        "training_sha256": report.contract.training_sha256,
        "precision": "fp32",
        "seed": 4,
        "targets": [{"name": "gap AP50", "asked": "at least 0.9", "measured": "0.1250", "met": False}],
        "figures": {
            "splits": ["test"],
            "detection": detection,
            "real": [{"source": "drawn", "pictures": 40, "false": rate, "seen": None, "boxes": None}],
        },
    }
    path = tmp_path / EVALUATION_FILE
    path.parent.mkdir()
    path.write_text(json.dumps(content), encoding="utf-8")
    card = model_card(report, tmp_path, "ferrogate export rail")
    assert "| gap | 9 | 0.125 (0.100 to –) | 0.100 |" in card
    assert "| gap AP50 | at least 0.9 | 0.1250 | **missed** |" in card
    assert "| drawn | 40 | 7.5 % (1.6 % to 20.4 %), 3 of 40 | – | – |" in card
    assert "Weakest: **gap** (AP50 0.125 as evaluated)" in card
    path.write_text(json.dumps(content | {"training_sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(ConfigError, match="of another training"):
        model_card(report, tmp_path, "")
    path.write_text(json.dumps(content | {"precision": "int8"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="of the int8 file"):
        model_card(report, tmp_path, "")
    path.write_text('{"figures": 1}', encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        model_card(report, tmp_path, "")


def test_parity_agrees_and_says_where(run: Path, exported: Any) -> None:
    from export.parity_run import run_parity

    report = run_parity("rail", run, exported[1])
    assert report.off == ()
    assert report.golden_as_exported
    assert "ONNX Runtime" in report.machine
    assert report.machine.endswith("cpu")
    assert [one.precision for one in report.files] == ["fp32", "int8"]
    assert report.numbers.boxes > 0


@pytest.mark.long
def test_parity_finds_a_file_that_drifted(run: Path, exported: Any, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    from export.parity_run import run_parity

    model = onnx.load(exported[1])
    for item in model.graph.initializer:
        if item.name.endswith("one2one_cv3.0.2.bias"):
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item) + np.float32(0.5), item.name))
    onnx.save(model, tmp_path / "rail.onnx")
    report = run_parity("rail", run, tmp_path / "rail.onnx")
    assert any("differs from the network" in sentence for sentence in report.off)
    shutil.copy(exported[1].parent / "rail_int8.onnx", tmp_path)
    with pytest.raises(ContractError, match="not made from"):
        run_parity("rail", run, tmp_path / "rail.onnx")


@pytest.mark.long
def test_int8_is_refused_when_verdicts_flip(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from export import variants
    from export.export_run import _reference
    from export.network import load_network, to_onnx, with_contract
    from export.run_data import draft_contract, draw_pictures, open_data, open_run, val_set

    monkeypatch.setattr(variants, "FLOAT_BLOCKS", (0, 2))
    manifest = open_run(run, "rail")
    sets, contract = open_data(manifest, None), draft_contract(manifest)
    model = to_onnx(load_network(run, manifest), contract)
    content, golden = with_contract(model, contract), draw_pictures(sets, "val", contract, 4)
    reference = _reference(model, content, contract, 0.0, val_set(sets), golden)
    other = tuple(frozenset(RAIL_LABELS) - verdict for verdict in reference.verdicts)
    refused = variants.try_int8(replace(reference, verdicts=other), golden[:2], lambda _: None)
    assert refused.content is None
    assert refused.gate is None
    assert "4 of 4 verdicts flip" in refused.why
    assert [len(attempt.float_blocks) for attempt in refused.attempts] == [0, 2]
    assert refused.float_blocks == tuple(loss.block for loss in refused.losses[:2])
    better = variants.try_int8(replace(reference, map50=0.5), golden[:2], lambda _: None)
    assert "mAP50 0.000 against 0.500" in better.why


def test_draft_needs_no_data(run: Path, tmp_path: Path) -> None:
    from export.export_run import write_draft

    size = write_draft("rail", run, tmp_path / "draft.onnx")
    detector = Detector((tmp_path / "draft.onnx").read_bytes(), "draft", station="rail")
    assert size == (tmp_path / "draft.onnx").stat().st_size
    assert set(detector.contract.thresholds.values()) == {0.05}


def _copy(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def _broken_weights(run: Path) -> None:
    (run / "weights.pt").write_bytes((run / "weights.pt").read_bytes()[:5000])


def _rewrite_manifest(run: Path, **changes: object) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def _garbage_of_right_hash(run: Path) -> None:
    (run / "weights.pt").write_bytes(b"no weights")
    _rewrite_manifest(run, weights_sha256=hashlib.sha256(b"no weights").hexdigest())


def _weights_of_another_network(run: Path) -> None:
    import torch

    torch.save({"model.0.conv.weight": torch.zeros(2, 2)}, run / "weights.pt")
    _rewrite_manifest(run, weights_sha256=hashlib.sha256((run / "weights.pt").read_bytes()).hexdigest())


def _no_weights(run: Path) -> None:
    (run / "weights.pt").unlink()


def _no_manifest(run: Path) -> None:
    (run / "manifest.json").unlink()


def _data_gone(run: Path) -> None:
    _rewrite_manifest(run, data_dir="/nowhere")


def _other_data(run: Path) -> None:
    _rewrite_manifest(run, data_sha256="0" * 64)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_broken_weights, "not those of the manifest"),  # a checkpoint cut off
        (_garbage_of_right_hash, "weights cannot be read"),
        (_weights_of_another_network, "weights are not of yolo26n"),
        (_no_weights, "no weights"),
        (_no_manifest, "manifest cannot be read"),
        (_data_gone, "data set cannot be read"),
        (_other_data, "not the data"),
    ],
)
def test_a_damaged_run_is_one_clear_error(run: Path, tmp_path: Path, damage: Any, text: str) -> None:
    from export.export_run import export_run

    copy = _copy(run, tmp_path)
    damage(copy)
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match=text) as caught:
        export_run("rail", copy, tmp_path / "out" / "rail.onnx")
    assert caught.value.where
    assert caught.value.todo
    assert not list((tmp_path / "out").iterdir())


def test_a_run_of_the_other_station_is_refused(run: Path, tmp_path: Path) -> None:
    from export.export_run import export_run, write_draft

    with pytest.raises(ConfigError, match="run of the rail station, not of ball"):
        export_run("ball", run, tmp_path / "ball.onnx")
    with pytest.raises(ConfigError, match="run of the rail station, not of ball"):
        write_draft("ball", run, tmp_path / "ball.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_file_that_differs_from_the_network_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export import export_run as module
    from export.network import to_onnx

    def written_before_the_network_moved_on(network: Any, contract: Any) -> Any:
        model = to_onnx(network, contract)
        for box_head in network.model[-1].one2one_cv2:
            box_head[-1].bias.add_(0.5)
        return model

    monkeypatch.setattr(module, "to_onnx", written_before_the_network_moved_on)
    with pytest.raises(FerrogateError, match="differs from the network"):
        module.export_run("rail", run, tmp_path / "rail.onnx")
    assert not list(tmp_path.iterdir())


def test_parity_refuses_a_file_of_another_run(run: Path, exported: Any, tmp_path: Path) -> None:
    from export.parity_run import run_parity

    copy = _copy(run, tmp_path)
    _rewrite_manifest(copy, command="another one")
    with pytest.raises(ContractError, match="not exported from this run"):
        run_parity("rail", copy, exported[1])
    with pytest.raises(ConfigError, match="cannot be read"):
        run_parity("rail", run, tmp_path / "missing.onnx")


def _call(*words: str) -> int:
    """The commands as the command line finds them: by their entry points' functions."""
    import argparse

    from export.cli import register, register_parity

    parser = argparse.ArgumentParser()
    rooms = parser.add_subparsers()
    register(rooms.add_parser("export"))
    register_parity(rooms.add_parser("parity"))
    args = parser.parse_args(words)
    return int(args.run(args))


@pytest.mark.long
def test_commands(run: Path, exported: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx

    assert _call("parity", "rail", "--run", str(run), "--model", str(exported[1]), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["agrees"]
    assert report["files"][1]["precision"] == "int8"
    assert _call("export", "rail", "--run", str(run), "--out", str(tmp_path / "rail.onnx"), "--no-int8") == 0
    assert "mAP50" in capsys.readouterr().out
    model = onnx.load(tmp_path / "rail.onnx")
    for item in model.graph.initializer:
        if item.name.endswith("one2one_cv3.0.2.bias"):
            item.raw_data = np.full(len(RAIL_LABELS), 2.0, np.float32).tobytes()
    onnx.save(model, tmp_path / "rail.onnx")
    assert _call("parity", "rail", "--run", str(run), "--model", str(tmp_path / "rail.onnx")) == 1
    assert "OFF: " in capsys.readouterr().err


def test_shipping_makes_the_faster_of_those_that_passed_the_default(exported: Any, tmp_path: Path) -> None:
    from export.ship import ship

    (tmp_path / "shipped.json").write_text('{"ball": {"default": "fp32", "fp32": "ball.onnx"}}')
    shipped = ship("rail", exported[1], tmp_path)
    index = json.loads((tmp_path / "shipped.json").read_text(encoding="utf-8"))
    gate = Detector((tmp_path / "rail_int8.onnx").read_bytes(), "i").contract.gate
    assert gate is not None
    assert shipped.default == index["rail"]["default"] == ("int8" if gate.speed_ratio > 1.0 else "fp32")
    assert index["ball"] == {"default": "fp32", "fp32": "ball.onnx"}
    assert (tmp_path / index["rail"]["fp32"]).read_bytes() == exported[1].read_bytes()
    assert (tmp_path / "MODEL_CARD_rail.md").exists()
    with pytest.raises(ContractError, match="rail station, not for ball"):
        ship("ball", exported[1], tmp_path)
    with pytest.raises(ConfigError, match="not the package"):
        ship("rail", exported[1], tmp_path / "nowhere")
