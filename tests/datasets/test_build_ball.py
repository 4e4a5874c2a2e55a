"""Building the ball station's data: real crops, and the whole command in small."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from datasets.build.ball import build_ball
from datasets.build.ball_real import LEAST_BALL_PX, build_real
from datasets.build.rail import Built
from datasets.errors import DataError
from datasets.pictures import read_picture
from datasets.records import read_coco
from datasets.synthetic.settings import SETTINGS_DIR
from edge_runtime.cli import main
from tests.datasets.tiny_real import tiny_real
from tests.training.extra import needs_renderer
from vision.contract import BALL_LABELS


def _strip(folder: Path, name: str, balls: list[tuple[float, float, float]]) -> None:
    """A strip of 320 x 60 px with bright discs (x, y, diameter), and its YOLO labels."""
    picture = np.full((60, 320, 3), 60, np.uint8)
    lines = []
    for x, y, diameter in balls:
        cv2.circle(picture, (round(x), round(y)), round(diameter / 2), (180, 185, 190), -1)
        lines.append(f"0 {x / 320:.6f} {y / 60:.6f} {diameter / 320:.6f} {diameter / 60:.6f}")
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
    (folder / "labels" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tiny_real(tmp_path / "real_pictures")
    strips = folder / "steelball_k230"
    _strip(strips, "00001_0", [(100.0, 30.0, 40.0), (200.0, 30.0, 12.0)])
    _strip(strips, "canmv-recording-1_f000004", [(50.0, 28.0, 36.0)])
    _strip(strips, "canmv-recording-1_f000008", [(62.0, 31.0, 36.0), (280.0, 20.0, 30.0)])
    return folder


def test_real_balls_are_cut_as_the_edge_cuts_them(source: Path, tmp_path: Path) -> None:
    data = build_real(source, tmp_path / "set", 1)
    assert read_coco(tmp_path / "set") == data
    assert data.labels == BALL_LABELS
    assert {sample.split for sample in data.samples} == {"test"}
    balls = [sample for sample in data.samples if sample.source == "steelball_k230"]
    assert len(balls) == 4  # the ball of 12 px is too small
    for sample in balls:
        assert sample.label == "good"
        assert not sample.boxes
        assert sample.origin == "real"
        pixels = read_picture(tmp_path / "set" / sample.file)
        assert pixels.shape == (sample.height_px, sample.width_px)
        assert sample.width_px >= LEAST_BALL_PX
        x0, y0, x1, y1 = (float(sample.truth[f"ball_{key}_px"] or 0.0) for key in ("x0", "y0", "x1", "y1"))
        assert sample.width_px == pytest.approx(1.15 * max(x1 - x0, y1 - y0), abs=1.01)
        # the bright disc is where the truth says
        ys, xs = np.nonzero(pixels > 120)
        assert xs.mean() == pytest.approx((x0 + x1) / 2, abs=1.0)
        assert ys.mean() == pytest.approx((y0 + y1) / 2, abs=1.0)
    recorded = [sample for sample in balls if sample.sequence]
    assert sorted(sample.frame or 0 for sample in recorded) == [4, 8, 8]
    assert len({sample.group for sample in recorded}) == 1


def test_real_pits_lie_in_square_windows(source: Path, tmp_path: Path) -> None:
    data = build_real(source, tmp_path / "set", 1)
    pits = [sample for sample in data.samples if sample.source == "bsdata"]
    assert pits
    for sample in pits:
        assert sample.width_px == sample.height_px
        assert sample.boxes
        assert {(box.label, box.fine) for box in sample.boxes} == {("scale_pit", "pitting")}
        for box in sample.boxes:
            x0, y0, x1, y1 = box.xyxy_px
            assert 0 <= x0 < x1 <= sample.width_px
            assert 0 <= y0 < y1 <= sample.height_px


def test_the_same_seed_cuts_the_same_bytes(source: Path, tmp_path: Path) -> None:
    first, second, other = (build_real(source, tmp_path / str(k), seed) for k, seed in enumerate((1, 1, 2)))
    assert first == second
    assert first.samples != other.samples
    for sample in first.samples:
        assert (tmp_path / "0" / sample.file).read_bytes() == (tmp_path / "1" / sample.file).read_bytes()


def test_a_missing_set_leaves_nothing(source: Path, tmp_path: Path) -> None:
    for path in (source / "steelball_k230" / "labels").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no file fits"):
        build_real(source, tmp_path / "set", 1)
    assert not (tmp_path / "set").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["real_pictures"]


def test_no_room_for_a_count_below_one(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FERROGATE_DATA", str(source))
    out = tmp_path / "ball"
    assert main(["data", "build", "ball", "--out", str(out), "--count", "0"]) == 2
    assert "--count" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.train
@pytest.mark.long
@needs_renderer
@pytest.mark.timeout(900)
def test_the_whole_build_in_small_and_again(source: Path, tmp_path: Path) -> None:
    small = tmp_path / "settings"
    small.mkdir()
    for name in ("train", "test"):
        content = yaml.safe_load((SETTINGS_DIR / f"{name}.yaml").read_text(encoding="utf-8"))
        content |= {"labels": {"good": 1.0, "seam": 1.0}, "samples_per_pixel": 1}
        (small / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    out = tmp_path / "ball"

    def build() -> Built:
        return build_ball(source, out, 1, count=32, test_count=16, settings_dir=small)

    built = build()
    assert set(built.sets) == {"train", "test", "real"}
    assert not built.report.failed
    assert {path.name for path in out.iterdir()} == {"train", "test", "real", "audit.json"}
    assert not (tmp_path / ".ball.part").exists()
    for name, data in built.sets.items():
        assert read_coco(out / name) == data
        assert (out / name / "card.html").stat().st_size > 1000
    assert {sample.split for sample in built.sets["train"].samples} == {"train", "val"}
    assert {sample.split for sample in built.sets["test"].samples} == {"test"}
    before = {path: path.stat().st_mtime_ns for path in (out / "train" / "images").iterdir()}
    again = build()
    assert again.sets == built.sets
    # what was there with the same seed, count and settings was not rendered again
    assert {path: path.stat().st_mtime_ns for path in (out / "train" / "images").iterdir()} == before
