"""The machine as the page sees it: its disk, its clock, the recorder's lock, calibrations."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from edge_runtime.calibrations import last_valid_day, save_calibration
from edge_runtime.page.context import PageContext
from edge_runtime.page.machine_watch import (
    CALIBRATIONS_S,
    JUMP_TOLD_S,
    ClockWatch,
    MachineWatch,
    calibration_days,
    recorder_running,
)
from edge_runtime.recorder_main import recorder_lock
from tests.edge.core_rig import calibration, station
from tests.edge.page.conftest import Clock


def test_the_machine_is_looked_at(page_context: PageContext) -> None:
    page_context.storage.mkdir(parents=True, exist_ok=True)
    facts = MachineWatch(page_context.config).look()
    assert facts.disk_free_mb is not None
    assert facts.disk_free_mb == pytest.approx(psutil.disk_usage("/tmp").free / (1 << 20), rel=0.2)
    assert facts.disk_free_share is not None
    assert 0.0 < facts.disk_free_share <= 1.0
    assert facts.memory_free_mb is not None
    assert facts.memory_free_mb > 10
    assert facts.load is not None
    assert facts.clock_jump_s == 0.0
    assert facts.recorder_running is False


def test_a_folder_that_is_not_there_yet_is_not_known(page_context: PageContext) -> None:
    shutil.rmtree(page_context.storage)
    facts = MachineWatch(page_context.config).look()
    assert (facts.disk_free_mb, facts.disk_free_share) == (None, None)


def test_the_recorder_s_lock_is_seen_and_left_alone(tmp_path: Path) -> None:
    assert recorder_running(tmp_path) is False
    with recorder_lock(tmp_path, wait_s=0.0):
        assert recorder_running(tmp_path) is True
        assert recorder_running(tmp_path) is True
    assert recorder_running(tmp_path) is False  # the file stays, nobody holds it
    with recorder_lock(tmp_path, wait_s=0.0):  # and nobody was in its way
        pass


def test_jumps_of_the_clock_are_told_for_a_while(page_clock: Clock) -> None:
    watch = ClockWatch(page_clock.utc_ns, page_clock.mono_ns)
    page_clock.forward(3600)
    assert watch.look() == 0.0
    page_clock.utc += 1_900_000_000  # what a time server corrects
    assert watch.look() == 0.0
    page_clock.utc -= 7200 * 1_000_000_000
    assert watch.look() == -7200.0
    page_clock.forward(JUMP_TOLD_S - 1)
    assert watch.look() == -7200.0
    page_clock.forward(2)
    assert watch.look() == 0.0


def test_days_that_calibrations_are_still_valid(tmp_path: Path, page_clock: Clock) -> None:
    path = tmp_path / "left.json"
    made = calibration()
    save_calibration(made, path)
    config = station()
    geometry = config.cameras[0].geometry.model_copy(update={"calibration": path, "mm_per_px": None})
    camera = config.cameras[0].model_copy(update={"geometry": geometry})
    other = camera.model_copy(
        update={"name": "right", "geometry": geometry.model_copy(update={"calibration": tmp_path / "none"})}
    )
    config = config.model_copy(update={"cameras": (camera, other)})
    noon = datetime.combine(last_valid_day(made), datetime.min.time(), UTC) + timedelta(hours=12)
    name = camera.name

    def days(before: timedelta) -> dict[str, int]:
        return calibration_days(config, int((noon - before).timestamp() * 1e9))

    # The other camera's file cannot be read: the station refuses it, here it is left out.
    assert days(timedelta(days=10)) == {name: 10}
    assert days(timedelta(0)) == {name: 0}
    assert days(timedelta(days=-1)) == {name: -1}

    page_clock.utc = int((noon - timedelta(days=3)).timestamp() * 1e9)
    watch = MachineWatch(config, page_clock.utc_ns, page_clock.mono_ns)
    assert watch.look().calibration_days == {name: 3}
    path.unlink()
    assert watch.look().calibration_days == {name: 3}  # not read at every look
    page_clock.forward(CALIBRATIONS_S)
    assert watch.look().calibration_days == {}
