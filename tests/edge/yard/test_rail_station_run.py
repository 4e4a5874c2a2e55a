"""`ferrogate run` with a rail station file: worker and page supervised, killed, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.station.child import PROCESSES_FILE
from edge_runtime.yard.station_status import YardStatus, read_status
from tests.edge.yard import rail_scans
from tests.edge.yard.rail_station_rig import write_station

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
PATIENCE_S = 240.0


def _until(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < end
        time.sleep(0.2)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_station_maps_serves_survives_and_stops(tmp_path: Path, free_port: int) -> None:
    station = write_station(tmp_path, page={"port": free_port})
    books = tmp_path / "books"
    rail_scans.write_scan(tmp_path / "scans" / "first", sheet="")
    command = [sys.executable, "-m", "edge_runtime", "run", "--with-parent", str(station), "--json"]
    log = (tmp_path / "log.txt").open("wb")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def status() -> YardStatus:
        found = read_status(books)
        return found or YardStatus(station="", pid=0, state="starting", at_utc_ns=0, since_utc_ns=0)

    try:
        _until(lambda: (books / "done" / "first.json").exists(), process)
        _until(lambda: _answers(free_port), process)
        # A worker that is killed in the middle of a rail: it is started again, and the rail is mapped.
        killed = json.loads((books / PROCESSES_FILE).read_text(encoding="utf-8"))["yard"]
        rail_scans.write_scan(tmp_path / "scans" / "second", sheet="")
        _until(lambda: (books / "begun.json").exists() or (books / "done" / "second.json").exists(), process)
        os.kill(killed, signal.SIGKILL)
        _until(lambda: status().pid != killed and status().state == "idle", process)
        assert (books / "done" / "second.json").exists()
        # A second station must not keep its books in the same folder.
        other = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert other.returncode == 8
        assert "another 'ferrogate run'" in other.stdout
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        log.close()
    assert process.returncode == 0
    facts = json.loads(out.splitlines()[-1])
    assert (facts["station"], facts["exit_code"], facts["aside"]) == ("yard", 0, [])
    assert status().state == "stopped"
    assert not (books / PROCESSES_FILE).exists()
    people = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "people", str(station), "list", "--json"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert people.returncode == 0, people.stdout
