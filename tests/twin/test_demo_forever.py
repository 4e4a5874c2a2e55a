"""`ferrogate demo --forever`: page and panel beside the line, people's acts, an end in order by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.twin.demo import free_port

pytestmark = [pytest.mark.line, pytest.mark.long, pytest.mark.timeout(300)]
PATIENCE_S = 120.0


class Demo:
    """The command, and the panel's buttons."""

    def __init__(self, folder: Path) -> None:
        self.page, self.panel = free_port(), free_port()
        self.out = folder / "run"
        command = [sys.executable, "-m", "edge_runtime", "demo", "--forever", "--json", "--seed", "4"]
        # Slow: what counts here is the order of things, on a machine that may be busy.
        command += ["--rate", "5", "--page-port", str(self.page), "--panel-port", str(self.panel)]
        self.process = subprocess.Popen(
            [*command, "--out", str(self.out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def state(self) -> dict[str, Any]:
        """What the panel shows; empty while it is not up."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.panel}/state", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            return {}

    def press(self, button: str, value: object = None) -> None:
        """Press a button of the panel."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.panel}/press",
            json.dumps({"button": button, "value": value}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200

    def wait(self, what: str, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Until the panel shows it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            state = self.state()
            if state and ready(state):
                return state
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.2)
        raise AssertionError(f"waited in vain for: {what}")

    def more_balls(self, count: int) -> None:
        """Until so many more have left the line."""
        left = self.state()["balls_left"] + count
        self.wait(f"{count} more balls", lambda state: state["balls_left"] >= left)

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Ctrl-C; exit code, figures, what was said."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, json.loads(out.splitlines()[-1]), err

    def close(self) -> None:
        """Whatever happened."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.close()


def test_a_day_in_short(demo: Demo) -> None:
    demo.wait("balls", lambda state: bool(state["balls_left"] >= 5))
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.page}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert demo.state()["page"] == f"http://127.0.0.1:{demo.page}/"
    demo.press("key", "bypass")
    demo.wait("an open gate", lambda state: bool(state["gate_open"]))
    demo.more_balls(15)
    demo.press("key", "auto")
    demo.press("drop", "half")
    demo.more_balls(10)
    demo.press("e_stop", True)
    demo.wait("the latch", lambda state: bool(state["latched"]))
    demo.press("e_stop", False)
    time.sleep(2.5)
    assert demo.state()["latched"], "nobody resets by himself here"
    demo.press("reset")
    demo.wait("the belt", lambda state: bool(state["belt_runs"]))
    demo.press("feed_hold", True)
    demo.wait("an empty belt", lambda state: bool(state["balls_entered"] == state["balls_left"]))
    demo.press("feed_hold", False)
    demo.more_balls(3)
    code, figures, said = demo.end()
    assert code == 0, said
    assert f"http://127.0.0.1:{demo.page}/" in said
    assert f"http://127.0.0.1:{demo.panel}/" in said
    assert "one-time password" in said
    assert figures["stopped_early"]
    assert (figures["unaccounted"], figures["on_belt"], figures["unproven_accepts"]) == (0, 0, 0)
    assert figures["invariant_kept"]
    assert figures["books_balance"], figures["books"]
    assert figures["bypassed"] >= 5
    assert figures["balls"] == figures["accepted"] + figures["bypassed"] + figures["rejected"]
    assert set(figures["processes"]) == {"station", "recorder", "page", "twin", "plc"}
    truth = (demo.out / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    dropped = [row for row in map(json.loads, truth) if row["event"] == "ball" and row["challenge"]]
    assert [row["label"] for row in dropped] == ["half"]


def test_balls_that_stand_on_the_belt_at_the_end_are_told(demo: Demo) -> None:
    demo.wait("balls", lambda state: bool(state["balls_left"] >= 5))
    demo.press("e_stop", True)
    demo.wait("the latch", lambda state: bool(state["latched"]))
    code, figures, said = demo.end()
    assert code == 0, said
    assert figures["on_belt"] > 0
    assert figures["balls"] == figures["accepted"] + figures["rejected"] + figures["on_belt"]
    assert (figures["unaccounted"], figures["stopped_early"]) == (0, True)
