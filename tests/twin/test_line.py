"""The line process end to end, with nothing but a heartbeat and a belt contact on the PLC's side."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datasets.synthetic.bank import BallBank
from edge_runtime.shm_ring import RingReader, memory_path
from edge_runtime.twin.balls import plan_balls
from edge_runtime.twin.field import EdgeReader, Eye, EyeEdge, Field, LineState, Word
from edge_runtime.twin.settings import CAMERAS, save_line_settings
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.line_bench import Bench, line_settings, truth_rows


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def test_twenty_balls_all_reach_the_reject_chute_in_real_time(tmp_path: Path, bank_dir: Path) -> None:
    settings = line_settings(tmp_path, bank_dir, defect_share=0.2)
    path = tmp_path / "line.json"
    save_line_settings(settings, path)
    process = subprocess.Popen([sys.executable, "-m", "edge_runtime.twin.line_main", str(path)])
    edges: list[EyeEdge] = []
    frames = dict.fromkeys(CAMERAS, 0)
    try:
        field = Field.open(settings.field_name, timeout_s=30.0)
        while field.get(Word.LINE_STATE) == LineState.STARTING:
            time.sleep(0.01)
        eyes = EdgeReader(field)
        rings = {camera: RingReader(settings.ring_name(camera), from_start=True) for camera in CAMERAS}
        field.set(Word.START_REQUEST, 1)
        field.set(Word.BELT_ENABLE, 1)
        while field.get(Word.LINE_STATE) != LineState.ENDED:
            field.scanned(time.monotonic_ns(), 25_000_000)
            edges += eyes.take()
            for camera, ring in rings.items():
                while (entry := ring.read(0.001)) is not None:
                    frames[camera] += 1
                    assert entry.lost_before == 0, (entry.number, entry.lost_before)
                    assert entry.payload.size == settings.width_px * settings.height_px
                    phase = settings.exposure_phase_counts(camera)
                    assert int(str(entry.header["encoder_count"])) % 256 == phase
        edges += eyes.take()
        field.set(Word.END_REQUEST, 1)
        assert process.wait(20.0) == 0
        for ring in rings.values():
            ring.close()
        field.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    balls = truth_rows(settings, "ball")
    assert [row["ball"] for row in balls] == list(range(20))
    assert {row["place"] for row in balls} == {"reject"}
    assert all(row["eye_pulses"] == 1 and row["confirm_pulses"] == 1 for row in balls)
    end = truth_rows(settings, "end")[0]
    assert (end["entered"], end["accept"], end["reject"], end["on_belt"]) == (20, 0, 20, 0)
    assert end["complete"]
    assert end["frames"] == frames
    by_eye = {eye: sum(edge.eye == eye and edge.rising for edge in edges) for eye in Eye}
    assert by_eye == {Eye.TRIGGER: 20, Eye.CONFIRM_ACCEPT: 0, Eye.CONFIRM_REJECT: 20}
    assert not memory_path(settings.field_name).exists()
    assert not any(memory_path(settings.ring_name(camera)).exists() for camera in CAMERAS)


def test_sigterm_leaves_whole_rows_and_no_shared_memory(tmp_path: Path, bank_dir: Path) -> None:
    settings = line_settings(tmp_path, bank_dir, n_balls=1000)
    save_line_settings(settings, tmp_path / "line.json")
    command = [sys.executable, "-m", "edge_runtime.twin.line_main", str(tmp_path / "line.json")]
    process = subprocess.Popen(command)
    try:
        field = Field.open(settings.field_name, timeout_s=30.0)
        field.set(Word.START_REQUEST, 1)
        while field.get(Word.BALLS_ENTERED) < 5:
            field.scanned(time.monotonic_ns(), 25_000_000)
            field.set(Word.BELT_ENABLE, 1)
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20.0) == 0
        field.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    balls, end = truth_rows(settings, "ball"), truth_rows(settings, "end")[0]
    assert not end["complete"]
    assert end["entered"] == len(balls) == end["accept"] + end["reject"] + end["on_belt"]
    assert {row["place"] for row in balls} <= {"on_belt", "reject"}
    assert not memory_path(settings.field_name).exists()
    assert not any(memory_path(settings.ring_name(camera)).exists() for camera in CAMERAS)


def test_no_bank_is_one_clear_error(tmp_path: Path) -> None:
    settings = line_settings(tmp_path, tmp_path / "nowhere")
    save_line_settings(settings, tmp_path / "line.json")
    command = [sys.executable, "-m", "edge_runtime.twin.line_main", str(tmp_path / "line.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the ball bank cannot be read")
    assert len(done.stderr.splitlines()) == 1
    assert not memory_path(settings.field_name).exists()


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, bank_dir: Path) -> Iterator[Bench]:
    bench = Bench(line_settings(tmp_path, bank_dir, **request.param))
    yield bench
    bench.close()


def _fault(name: str, ball: int, camera: str = "") -> dict[str, Any]:
    return {"faults": ({"name": name, "ball": ball, "camera": camera},), "n_balls": 16, "defect_share": 0.0}


@pytest.mark.parametrize("bench", [{"n_balls": 10, "defect_share": 0.0}], indirect=True)
def test_energised_gate_sends_all_to_accept(bench: Bench) -> None:
    bench.gate(True)
    assert bench.run(10.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    assert {row["place"] for row in truth_rows(bench.settings, "ball")} == {"accept"}


@pytest.mark.parametrize("bench", [{"n_balls": 30, "defect_share": 0.4, "seed": 9}], indirect=True)
def test_eye_edges_are_the_chords_of_the_balls(bench: Bench) -> None:
    assert bench.run(12.0)
    trigger = [edge for edge in bench.edges if edge.eye == Eye.TRIGGER]
    planned = list(plan_balls(bench.settings, BallBank(bench.settings.bank_dir).index))
    assert len(trigger) == 2 * len(planned)
    first = bench.line.encoder_start + bench.settings.settle_d * 320
    for ball, rising, falling in zip(planned, trigger[::2], trigger[1::2], strict=True):
        ahead, behind = ball.extent_counts(0.0, bench.settings)
        centre = first + ball.offset_counts
        assert rising.rising
        assert not falling.rising
        assert abs(rising.encoder_count - (centre - ahead)) <= 1.0
        assert abs(falling.encoder_count - (centre + behind)) <= 1.0
        assert rising.t_ns < falling.t_ns


@pytest.mark.parametrize("bench", [{"n_balls": 8, "defect_share": 0.0}], indirect=True)
def test_a_dead_plc_stops_the_belt_and_drops_the_gate(bench: Bench) -> None:
    bench.gate(True)
    bench.run(1.5)
    assert bench.line.belt.position > bench.line.encoder_start + 5000
    bench.run(1.5, plc=False)
    assert bench.line.belt.standing
    assert not bench.line.gate.energised


@pytest.mark.parametrize("bench", [{"n_balls": 8, "defect_share": 0.0}], indirect=True)
@pytest.mark.parametrize("scans", [1, 30], ids=["the PLC stood, too", "the PLC went on"])
def test_a_line_that_was_held_up_knows_whether_the_gate_was_dropped(bench: Bench, scans: int) -> None:
    bench.gate(True)
    bench.run(1.0)
    watchdog_ns = round(bench.settings.gate_watchdog_ms * 1e6)
    for _ in range(scans):
        bench.now_ns += 150_000_000 // scans
        bench.field.scanned(bench.now_ns, watchdog_ns)
    bench.line.advance(bench.now_ns)
    # One scan in 150 ms: the valve had no current for 125 ms, and has it again only now.
    assert bench.line.gate.position(bench.now_ns) == pytest.approx(0.0 if scans == 1 else 1.0)
    bench.run(0.2)
    assert bench.line.gate.position(bench.now_ns) == pytest.approx(1.0)


@pytest.mark.parametrize("bench", [_fault("reverse_jog", 6)], indirect=True)
def test_reverse_jog_runs_back_and_exposes_nothing_twice(bench: Bench) -> None:
    assert bench.run(20.0)
    back = max(high - low for high, low in zip(_running_max(bench.encoder), bench.encoder, strict=True))
    assert 310 <= back <= 330
    bench.truth.flush_due(bench.now_ns + 10**9)
    for row in truth_rows(bench.settings, "ball"):
        seen = [(item["camera"], item["encoder"]) for item in row["exposures"]]
        assert len(seen) == len(set(seen)) >= 6
        assert row["place"] == "reject"


def _running_max(values: list[int]) -> list[int]:
    best, out = values[0], []
    for value in values:
        best = max(best, value)
        out.append(best)
    return out


@pytest.mark.parametrize(
    ("bench", "pulses"),
    [
        # the ball before it and itself make one long pulse
        (_fault("touching_balls", 6), {5: 1, 6: 1}),
        # not seen at all
        (_fault("missing_trigger", 6), {5: 1, 6: 0, 7: 1}),
    ],
    indirect=["bench"],
)
def test_trigger_pulses_under_faults(bench: Bench, pulses: dict[int, int]) -> None:
    assert bench.run(20.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    found = {row["ball"]: row["eye_pulses"] for row in truth_rows(bench.settings, "ball")}
    assert {ball: found[ball] for ball in pulses} == pulses
    rising = [edge for edge in bench.edges if edge.eye == Eye.TRIGGER and edge.rising]
    assert len(rising) == 15  # one pulse fewer than balls
    confirmed = [edge for edge in bench.edges if edge.eye == Eye.CONFIRM_REJECT and edge.rising]
    assert len(confirmed) >= 15


@pytest.mark.parametrize("bench", [_fault("duplicate_trigger", 6)], indirect=True)
def test_duplicate_trigger_is_a_false_pulse(bench: Bench) -> None:
    assert bench.run(20.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    assert len(truth_rows(bench.settings, "false_pulse")) == 1
    assert sum(edge.eye == Eye.TRIGGER and edge.rising for edge in bench.edges) == 17


@pytest.mark.parametrize("bench", [_fault("e_stop", 6)], indirect=True)
def test_e_stop_stops_the_belt_until_the_operator_comes(bench: Bench) -> None:
    bench.run(2.0)
    while not bench.field.get(Word.E_STOP):
        bench.run(0.01)
    bench.enable = False  # the PLC latches
    bench.run(1.0)
    assert bench.line.belt.standing
    assert bench.field.get(Word.OPERATOR_RESET) == 0
    bench.run(2.0)
    assert bench.field.get(Word.E_STOP) == 0
    bench.run(0.6)
    assert bench.field.get(Word.OPERATOR_RESET) == 1
    bench.enable = True
    assert bench.run(10.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    assert len(truth_rows(bench.settings, "ball")) == 16
    assert len(truth_rows(bench.settings, "operator_reset")) == 1


@pytest.mark.parametrize("bench", [_fault("gate_stick", 6) | {"n_balls": 30}], indirect=True)
def test_stuck_gate_sends_accepted_balls_to_reject(bench: Bench) -> None:
    bench.gate(True)
    assert bench.run(20.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    places = [row["place"] for row in truth_rows(bench.settings, "ball")]
    assert places[:5] == ["accept"] * 5
    assert "reject" in places[6:9]
    assert places[-1] == "accept"  # free again


@pytest.mark.parametrize("bench", [_fault("encoder_wrap", 9)], indirect=True)
def test_encoder_wraps_while_the_planned_ball_is_in_view(bench: Bench) -> None:
    assert bench.run(20.0)
    bench.truth.flush_due(bench.now_ns + 10**9)
    wrap = truth_rows(bench.settings, "encoder_wrap")[0]
    ball = truth_rows(bench.settings, "ball")[9]
    assert 2.5 * 320 < wrap["encoder"] - ball["centre_count"] < 6.5 * 320


@pytest.mark.parametrize(
    ("bench", "word", "levels"),
    [
        (_fault("plc_link_cut", 4), Word.MODBUS_LINK_CUT, True),
        (_fault("disk_full", 4), Word.DISK_FULL, True),
        (_fault("plc_restart", 4), Word.PLC_RESTART_REQUEST, False),
        (_fault("station_kill", 4), Word.STATION_KILL_REQUEST, False),
        (_fault("disk_full", 4), Word.DISK_FULL_REQUEST, False),
        (_fault("late_verdict", 4), Word.STATION_FREEZE_REQUEST, False),
    ],
    indirect=["bench"],
)
def test_requests_reach_the_field_wiring(bench: Bench, word: Word, levels: bool) -> None:
    seen = set()
    for _ in range(80):
        bench.run(0.1)
        seen.add(bench.field.get(word))
    assert seen == {0, 1}
    assert bench.field.get(word) == (0 if levels else 1)
