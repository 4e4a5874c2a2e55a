"""`ferrogate status`: a running station, a held one, a dead one, none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli import main
from edge_runtime.config import load_station
from edge_runtime.day.state import Changeover, DayState, Lot, Shift
from edge_runtime.live.status import StationStatus
from tests.edge.page.browser_rig import fill_ledger
from tests.edge.page.status_samples import sample_status, shown_status
from tests.edge.test_station_bench import write_bench_station

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def station(tmp_path: Path) -> Path:
    (tmp_path / "strip").mkdir()
    return write_bench_station(tmp_path, tmp_path / "strip", 640, 60)


@pytest.fixture
def run(station: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str]:
        code = main(["status", str(station), *words])
        return code, capsys.readouterr().out

    return call


def _now(station: Path, **changes: Any) -> StationStatus:
    """A status told just now by the machine's real clocks."""
    status = sample_status(load_station(station).name)
    mono_ns, utc_ns = time.monotonic_ns(), time.time_ns()
    cameras = [
        camera.model_copy(update={"last_frame_mono_ns": mono_ns if camera.frames else 0})
        for camera in status.cameras
    ]
    facts = {
        "written_mono_ns": mono_ns,
        "written_utc_ns": utc_ns,
        "started_utc_ns": utc_ns - 60_000_000_000,
        "cameras": tuple(cameras),
    }
    return status.model_copy(update=facts | changes)


def test_a_line_that_is_ready(run: Run, station: Path) -> None:
    with shown_status(_now(station)):
        code, text = run()
    assert code == 0
    for words in ("ready          yes", "80 accept, 7 review, 10 reject, 2 without a verdict", "lamp 90%"):
        assert words in text, text
    assert "lens 2.50 of at most 4.00 px" in text
    assert "ball 40, 39 to 41 mm" in text
    assert "air_low" in text
    assert "p50 12.0 ms, p99 31.0 ms" in text


def test_a_line_that_is_not_ready_says_why(run: Run, station: Path) -> None:
    day = DayState(
        shift=Shift(name="ночь", opened_by="a", opened_utc_ns=time.time_ns()),
        lot=Lot(name="L-7", product="ball 40", opened_by="a", opened_utc_ns=1, recipe_sha256="x"),
        changeover=Changeover(
            recipe="ball-60", old_sha256="a", new_sha256="b", product="p", asked_by="a", asked_utc_ns=1
        ),
        containment="C-3",
    )
    plain = _now(station)
    plc = plain.plc.model_copy(update={"key_switch": "bypass", "latched": True, "stop_cause": "mismatch"})
    holds = {"changeover": "waits for the zone to be empty"}
    with shown_status(plain.model_copy(update={"ready": False, "holds": holds, "day": day, "plc": plc})):
        code, text = run()
    assert code == 3
    for words in (
        "NO: everything is rejected",
        "changeover: waits",
        "LATCHED (mismatch)",
        "BYPASS",
        "ночь",
        "L-7",
    ):
        assert words in text, text
    assert "MISSED: C-3" in text


def test_for_programs(run: Run, station: Path) -> None:
    with shown_status(_now(station)):
        code, text = run("--json")
    facts = json.loads(text)
    assert code == 0
    assert (facts["running"], facts["ready"]) == (True, True)
    assert facts["status"]["counts"]["verdict_accept"] == 80
    assert StationStatus.model_validate(facts["status"]).station == facts["station"]


def test_no_station(run: Run) -> None:
    code, text = run()
    assert code == 1
    assert "does not run" in text
    code, text = run("--json")
    assert code == 1
    assert json.loads(text)["status"] is None


def test_a_station_that_died_is_not_shown_as_running(run: Run, station: Path) -> None:
    """Its last words stay in shared memory; they must not be taken for the present."""
    old = _now(station, written_mono_ns=time.monotonic_ns() - 300_000_000_000)
    with shown_status(old):
        code, text = run()
        assert code == 1
        assert "its last status is 5 min old" in text
        assert "ready" not in text
        assert json.loads(run("--json")[1])["running"] is False


def test_a_status_of_another_version_is_said(run: Run, station: Path) -> None:
    with shown_status(_now(station)) as writer:
        writer.write(b'{"station": "x", "something": "new"}')
        code, text = run()
    assert code == 1
    assert "cannot be understood" in text


def test_watching_looks_again_and_ends_with_ctrl_c(
    run: Run, station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", nap)
    with shown_status(_now(station)):
        code, text = run("--watch", "--json")
    assert code == 0
    assert len(text.splitlines()) == 3


def test_rate_counts_from_the_start_of_a_young_station(run: Run, station: Path) -> None:
    """Fifteen balls, one every two seconds: 0.25 a second over a minute, 0.5 since a start 30 s ago."""
    fill_ledger(load_station(station), parts=15)
    rates = []
    for age_s in (600, 30):
        with shown_status(_now(station, started_utc_ns=time.time_ns() - age_s * 1_000_000_000)):
            rates.append(json.loads(run("--json")[1])["rate_balls_per_s"])
    assert rates[0] == pytest.approx(0.25, abs=0.02)
    assert rates[1] == pytest.approx(0.5, abs=0.1)
