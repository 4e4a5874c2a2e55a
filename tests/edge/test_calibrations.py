"""Calibration files: whole, unchanged, of this camera and size, and not stale."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from edge_runtime.calibrations import (
    CheckRecord,
    append_check,
    checks_path,
    last_check,
    last_valid_day,
    load_calibration,
    load_lens,
    read_checks,
    require_fits,
    require_fresh,
    save_calibration,
    save_lens,
)
from tests.vision.outlines import calibration, lens
from vision.errors import CalibrationError
from vision.metrology.calibration import Pinhole

PINHOLE = Pinhole(
    mm_per_px=1.0 / 3.0, distance_mm=800.1, reference_diameter_mm=45.0, principal_point_xy_px=(807.0, 596.0)
)


@pytest.mark.parametrize("made", [calibration(), calibration(PINHOLE, with_lens=lens(), camera="левая")])
def test_comes_back_bit_for_bit(tmp_path: Path, made: object) -> None:
    path = tmp_path / "left.calibration.yaml"
    save_calibration(made, path)  # type: ignore[arg-type]
    assert load_calibration(path) == made
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_lens_comes_back_bit_for_bit(tmp_path: Path) -> None:
    save_lens(lens(), tmp_path / "lens.yaml")
    assert load_lens(tmp_path / "lens.yaml") == lens()
    with pytest.raises(CalibrationError, match="must hold"):
        load_calibration(tmp_path / "lens.yaml")


def _figures(text: str) -> dict[str, object]:
    figures: dict[str, object] = yaml.safe_load(text)["calibration"]
    return figures


BROKEN: list[tuple[Callable[[str], str], str]] = [
    # what is done to the file, what is said
    (lambda text: text.replace("mm_per_px: 0.125", "mm_per_px: 0.126"), "changed after it was written"),
    (lambda text: text.replace("valid_days: 180", "valid_days: 999"), "changed after it was written"),
    (lambda text: text.replace("camera: left", "camera: right"), "changed after it was written"),
    (lambda text: text.replace("mm_per_px: 0.125", "mm_per_px: -1"), "mm_per_px"),
    (lambda text: text.replace("mm_per_px: 0.125", "mm_per_px: .nan"), "mm_per_px"),
    (lambda text: text.replace("valid_days: 180", "valid_days: 180\n  more: 1"), "more"),
    (lambda text: text.replace("valid_days: 180", "valid_days: 180\n  valid_days: 999"), "stands twice"),
    (lambda text: text[: len(text) // 2], "cannot be used"),  # cut off
    (lambda text: yaml.safe_dump(_figures(text)), "must hold"),  # without its hash
    (lambda text: "", "must hold"),
    (lambda text: "[1, 2]", "must hold"),
    (lambda text: "a: [", "not YAML"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN)
def test_changed_file_is_refused(tmp_path: Path, change: Callable[[str], str], said: str) -> None:
    path = tmp_path / "left.calibration.yaml"
    save_calibration(calibration(), path)
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(CalibrationError, match=said) as caught:
        load_calibration(path)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 2


def test_no_file_binary_file_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="No such file"):
        load_calibration(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(CalibrationError):
        load_calibration(tmp_path / "binary.yaml")
    with pytest.raises(CalibrationError, match="cannot be written"):
        save_calibration(calibration(), tmp_path / "missing" / "left.yaml")


def test_layout_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "left.calibration.yaml"
    save_calibration(calibration(), path)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data, default_flow_style=True, sort_keys=True), encoding="utf-8")
    assert load_calibration(path) == calibration()


@pytest.mark.parametrize(
    ("camera", "width_px", "height_px", "said"),
    [
        ("left", 1600, 1200, None),
        ("right", 1600, 1200, "belongs to camera 'left'"),
        ("left", 800, 600, "1600x1200"),  # binned
        ("left", 1200, 1600, "1600x1200"),  # turned
        ("left", 1600, 1000, "1600x1200"),  # cropped
    ],
)
def test_fits(camera: str, width_px: int, height_px: int, said: str | None) -> None:
    if said is None:
        require_fits(calibration(), camera, width_px, height_px)
        return
    with pytest.raises(CalibrationError, match=said):
        require_fits(calibration(), camera, width_px, height_px)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 3, 1), None),  # the day it was made
        (date(2026, 8, 28), None),  # its last day: 180 days later
        (date(2026, 8, 29), "stale"),
        (date(2030, 1, 1), "stale"),
        (date(2026, 2, 28), None),  # a clock of another time zone
        (date(2026, 2, 27), "was made on"),  # a clock that went wrong
    ],
)
def test_fresh(today: date, said: str | None) -> None:
    assert last_valid_day(calibration()) == date(2026, 8, 28)
    if said is None:
        require_fresh(calibration(), today)
        return
    with pytest.raises(CalibrationError, match=said):
        require_fresh(calibration(), today)


def test_a_day_that_is_none() -> None:
    with pytest.raises(CalibrationError, match="2026-02-31"):
        require_fresh(calibration(date="2026-02-31"), date(2026, 3, 1))


def _record(sha256: str, *, passed: bool = True) -> CheckRecord:
    return CheckRecord(
        utc="2026-03-02T06:00:00+00:00", camera="left", calibration_sha256=sha256, certificate="CERT-1",
        certified_mm=40.0, u_certified_mm=0.0005, celsius=21.0, pictures=2, measured_mm=40.001,
        spread_mm=0.001, u_mm=0.006, worst_error_mm=0.0015, en=0.12, limit_mm=None, passed=passed,
        operator="",
    )  # fmt: skip


def test_checks_are_kept_beside_the_file(tmp_path: Path) -> None:
    path, mine = tmp_path / "left.calibration.yaml", calibration()
    assert read_checks(path) == ()
    assert last_check(path, mine) is None
    for record in (
        _record(mine.content_sha256()),
        _record("another"),
        _record(mine.content_sha256(), passed=False),
    ):
        assert append_check(path, record) == checks_path(path) == tmp_path / "left.calibration.checks.jsonl"
    append_check(path, _record("another"))
    assert len(read_checks(path)) == 4
    newest = last_check(path, mine)
    assert newest is not None
    assert not newest.passed
    checks_path(path).write_text('{"passed": true}\n', encoding="utf-8")
    with pytest.raises(CalibrationError, match="line 1"):
        read_checks(path)
