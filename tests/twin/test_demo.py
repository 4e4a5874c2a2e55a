"""`ferrogate demo` as a user starts it: a short run without faults, and what it prints."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from edge_runtime.cli import main
from edge_runtime.commands.demo import DEMO_PERSON, _one_time_password, _page_port
from edge_runtime.config import load_recipe, load_station
from edge_runtime.people.accounts import Accounts
from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.twin.demo_files import write_files
from edge_runtime.twin.figures import percentile_ms
from edge_runtime.twin.run_parts import ended_by_ctrl_c
from edge_runtime.twin.settings import LineSettings

pytestmark = pytest.mark.timeout(300)
COMMAND = [sys.executable, "-m", "edge_runtime", "demo"]
KEYS = {
    "balls", "judged", "accepted", "rejected", "unaccounted", "unproven_accepts", "wrong_chute", "late",
    "lost_frames", "escapes", "escapes_hidden", "false_rejects", "neighbour_rejects", "trigger_to_plc_ms",
    "faults", "line", "seed",
}  # fmt: skip


def _demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.line
def test_a_short_run_is_sound_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = _demo(
        "--balls", "60", "--seed", "5", "--defect-share", "0.1", "--out", str(out), "--no-page", "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert set(facts) >= KEYS
    assert (facts["balls"], facts["unaccounted"], facts["unproven_accepts"]) == (60, 0, 0)
    # On a machine that is busy with other things a heartbeat may be lost, and parts with it.
    assert 0 < facts["judged"] <= 60
    assert facts["accepted"] + facts["rejected"] == 60
    assert facts["accepted"] > 0
    assert facts["books_balance"]
    assert facts["invariant_kept"]
    assert set(facts["trigger_to_plc_ms"]) == {"p50", "p99", "max"}
    # The defaults of the twin's physics are printed, not hidden.
    assert (
        facts["line"] | {"valve_ms": 12.0, "flap_ms": 35.0, "pitch_d": 3.0, "plc_scan_ms": 5.0}
        == facts["line"]
    )
    ledger = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "ledger", str(out / "station"), "balance"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ledger.returncode == 0, ledger.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--faults", "sunspots"], "sunspots"),  # no such fault
        (["--balls", "-5"], "--balls"),  # cannot be
        (["--rate", "0"], "balls_per_s"),  # cannot be
        (["--rate", "12"], "the gate is too slow"),  # a flap cannot follow
        (["--diameter-mm", "500"], "diameter_mm"),  # no such ball
        (["--model", "nowhere.onnx", "--balls", "1"], "nowhere.onnx"),  # no such model
        (["--forever", "--balls", "5"], "--forever"),  # which of the two?
        (["--panel-port", "8099"], "--panel-port"),  # there is no panel without --forever
        (["--page-port", "0"], "--page-port"),  # no port
        (["--page-port", "99999"], "--page-port"),
    ],
)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = main(["demo", *arguments, "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert code not in (0, 70), said
    assert message in said
    assert "Traceback" not in said


def test_a_folder_in_use_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["demo", "--balls", "1", "--out", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def _settings(folder: Path, **changes: object) -> LineSettings:
    base = {"run_dir": folder, "field_name": "unused", "ring_prefix": "unused"}
    return LineSettings.model_validate(base | changes)


def test_the_station_file_has_a_page_only_when_asked(tmp_path: Path) -> None:
    without = load_station(write_files(_settings(tmp_path / "without")).station_file)
    assert without.page is None
    run = write_files(_settings(tmp_path / "with"), page_port=18123, language="kk")
    station = load_station(run.station_file)
    assert station.page is not None
    assert (station.page.host, station.page.port, station.page.language) == ("127.0.0.1", 18123, "kk")
    assert run.page_port == 18123
    assert station.challenge is not None


@pytest.mark.parametrize("diameter_mm", [25.0, 40.0, 100.0])
def test_there_are_recipes_to_change_over_to(tmp_path: Path, diameter_mm: float) -> None:
    run = write_files(_settings(tmp_path, diameter_mm=diameter_mm))
    folder = load_station(run.station_file).recipes
    assert folder is not None
    base = recipe_for_diameter(diameter_mm)
    others = {path.stem: load_recipe(path) for path in sorted(folder.iterdir())}
    assert set(others) == {"narrow", "wide"}
    assert len({recipe.product for recipe in (base, *others.values())}) == 3, "a lot names its product"
    assert len({recipe.sha256() for recipe in (base, *others.values())}) == 3
    for recipe in others.values():
        assert recipe.size.nominal_mm == base.size.nominal_mm
        assert recipe.unverified(), "nobody has ordered these limits"
    bands = [r.size.d_max_mm - r.size.d_min_mm for r in (others["narrow"], base, others["wide"])]
    assert bands == sorted(bands)
    assert bands[0] < bands[1] < bands[2]


def test_a_page_port_in_use_is_said_and_another_taken(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        other = _page_port(port, console)
        assert other != port
        said = capsys.readouterr().err
        assert str(port) in said
        assert str(other) in said
    assert _page_port(port, console) == port
    assert capsys.readouterr().err == ""


def _press_ctrl_c_and_wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10.0)


def test_the_first_ctrl_c_asks_and_the_second_stops(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with ended_by_ctrl_c() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(10.0)
        with pytest.raises(KeyboardInterrupt):
            _press_ctrl_c_and_wait()
    assert "once more" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_the_one_time_password_is_for_one_person_and_lies_nowhere(tmp_path: Path) -> None:
    run = write_files(_settings(tmp_path), page_port=18123)
    password = _one_time_password(run)
    accounts = Accounts.open(run.storage)
    try:
        assert [(person.name, person.must_change) for person in accounts.people()] == [(DEMO_PERSON, True)]
    finally:
        accounts.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0, 1.0, 3.0], 50.0, 3.0),  # the middle one
        ([1.0] * 99 + [9.0], 99.0, 1.0),  # one in a hundred does not count yet
        ([1.0] * 98 + [9.0, 9.0], 99.0, 9.0),  # two do
        ([1.0, float("inf")], 50.0, 1.0),  # a missing verdict is not averaged in
        ([1.0, float("inf")], 99.0, None),  # and is never hidden
        ([], 99.0, None),  # nothing measured
    ],
)
def test_percentiles_keep_missing_verdicts(values: list[float], share: float, expected: float | None) -> None:
    assert percentile_ms(values, share) == expected
