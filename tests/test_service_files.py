"""The unit of systemd and the container file: what they say is so, and fits the supervisor."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from edge_runtime import cli
from edge_runtime.station.child import KILL_GRACE_S, STOP_GRACE_S
from edge_runtime.station.supervisor import FINAL_CODES

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "docs" / "examples"
UNIT = EXAMPLES / "ferrogate.service"
CONTAINER = EXAMPLES / "Containerfile"
#: how long station, recorder and page may take to end, one after the other
STOP_S = 3 * (STOP_GRACE_S + KILL_GRACE_S)


def _unit() -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def test_the_unit_starts_a_command_that_there_is_and_comes_up_without_a_hand() -> None:
    unit = _unit()
    (command,) = unit["ExecStart"]
    cli.build_parser().parse_args(shlex.split(command)[1:])
    assert unit["WantedBy"] == ["multi-user.target"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"], "nobody is there at night to reset a start limit"
    (prevented,) = unit["RestartPreventExitStatus"]
    assert {int(code) for code in prevented.split()} == FINAL_CODES | {0}


def test_the_unit_waits_for_an_orderly_end_and_listens_for_the_watchdog() -> None:
    unit = _unit()
    assert unit["Type"] == ["notify"]
    assert unit["KillMode"] == ["mixed"], "SIGTERM goes to the supervisor alone, which ends the station first"
    assert float(unit["TimeoutStopSec"][0]) > STOP_S
    # Within its loop the supervisor may wait for station and recorder to end.
    assert float(unit["WatchdogSec"][0]) > 2 * (STOP_GRACE_S + KILL_GRACE_S)
    assert unit["RemoveIPC"] == ["no"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    # The program need not be installed where the unit says; all else is looked at as it is.
    text = UNIT.read_text(encoding="utf-8").replace("/opt/ferrogate/bin/ferrogate", "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text(encoding="utf-8"), flags=re.M)
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_container_file_copies_what_there_is_and_starts_the_station() -> None:
    said = _instructions()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"}
    assert {word for word, _ in said} <= known | {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    for word, rest in said:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert [source for source in sources if not (ROOT / source).exists()] == []
    (entry,) = [json.loads(rest) for word, rest in said if word == "ENTRYPOINT"]
    (command,) = [json.loads(rest) for word, rest in said if word == "CMD"]
    assert entry == ["ferrogate"]
    cli.build_parser().parse_args(command)
    (health,) = [rest for word, rest in said if word == "HEALTHCHECK"]
    words = shlex.split(health.partition("CMD ")[2].partition(";")[0])
    cli.build_parser().parse_args(words[1:])


def test_the_container_runs_as_nobody_in_particular_and_without_the_training_extra() -> None:
    said = _instructions()
    assert ("USER", "ferrogate") in said
    assert said.index(("USER", "ferrogate")) < [word for word, _ in said].index("ENTRYPOINT")
    installs = [rest for word, rest in said if word == "RUN" and "pip install" in rest]
    assert installs
    assert not any("[" in rest or "torch" in rest for rest in installs)
