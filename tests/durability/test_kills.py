"""The kill campaign in short; `python -m tests.durability.kills --kills 1000` is the long one.

It runs in a process of its own, because it forks and adopts orphans.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOO_EARLY = """
import json, sys
from pathlib import Path
from edge_runtime.journal import JournalWriter
from tests.durability.kills import run

def sabotage():
    # Every entry counts as written down the moment it was handed over, and nothing is written any more.
    JournalWriter.durable_count = property(lambda self: self._appended)
    JournalWriter._commit = lambda self: self._records.clear()

print(json.dumps(run(Path(sys.argv[1]), 4, 3, None, sabotage).as_json()))
"""


def _json_of(arguments: list[str]) -> tuple[int, dict[str, Any], str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return done.returncode, json.loads(lines[-1]), done.stderr


@pytest.mark.long
@pytest.mark.line
@pytest.mark.timeout(600)
def test_no_kill_loses_a_verdict_that_the_plc_took(tmp_path: Path) -> None:
    command = ["-m", "tests.durability.kills", "--kills", "20", "--seed", "1", "--json"]
    code, found, stderr = _json_of([*command, "--folder", str(tmp_path)])
    assert (code, found["first_problems"], found["verdicts_lost"]) == (0, [], 0), stderr
    assert found["kills"] == 20
    assert found["mid_write"] > 0
    assert found["counts"]["accepted"] > 0, "nothing was at stake"
    assert found["counts"]["sessions"] > 5


@pytest.mark.long
@pytest.mark.line
@pytest.mark.timeout(600)
def test_a_station_that_acknowledges_what_it_has_not_written_is_found_out(tmp_path: Path) -> None:
    _, found, _ = _json_of(["-c", TOO_EARLY, str(tmp_path)])
    assert any("acknowledged, but not in the journal" in problem for problem in found["first_problems"])
