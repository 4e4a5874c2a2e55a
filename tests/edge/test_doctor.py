"""`ferrogate doctor` on the machine's side: each check against machines of every kind."""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Mapping, Sequence

import pytest
from packaging.requirements import Requirement

from edge_runtime import cli
from edge_runtime.doctor import machine
from edge_runtime.doctor.report import Check, Level, fail, failed_by, warn
from vision.errors import ConfigError


def test_a_bad_line_must_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="does not say what to do"):
        Check("FAIL", "x", "broken")


def test_a_user_error_becomes_a_line() -> None:
    check = failed_by("recipe", ConfigError("no limit", where="r.yaml", todo="add it"))
    assert check == fail("recipe", "no limit (r.yaml)", "add it")


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 11, 0), "OK"), ((3, 14, 2), "OK"), ((3, 10, 14), "FAIL"), ((2, 7, 18), "FAIL")],
)
def test_python(version: Sequence[int], level: Level) -> None:
    assert machine.check_python(version).level == level


@pytest.mark.parametrize(
    ("requirement", "installed", "level"),
    [
        ("numpy>=1.26", {"numpy": "2.4.6"}, "OK"),
        ("numpy>=1.26", {"numpy": "1.25.9"}, "FAIL"),  # too old
        ("opencv-python>=4.12,<5", {"opencv-python": "5.0.0.93"}, "FAIL"),  # too new
        ("pymodbus>=3.16", {}, "FAIL"),  # not there
        ("pymodbus>=3.16", {"pymodbus": "3.17.0.dev2"}, "OK"),  # a pre-release of a later version
    ],
)
def test_packages(requirement: str, installed: Mapping[str, str], level: Level) -> None:
    (check,) = machine.check_packages([Requirement(requirement)], installed)
    assert check.level == level


def test_ferrogate_itself_not_installed() -> None:
    (check,) = machine.check_packages([], {})
    assert (check.level, check.todo) == ("FAIL", "pip install ferrogate")


def test_what_is_installed_here_is_found() -> None:
    names = [item.name for item in machine.bare_requirements()]
    assert "onnxruntime" in names
    assert "torch" not in names
    assert machine.installed_versions(["numpy", "no-such-distribution"]).keys() == {"numpy"}


def test_datasets_is_ours() -> None:
    assert machine.check_datasets_is_ours().level == "OK"


@pytest.mark.parametrize(
    "module",
    [
        types.ModuleType("datasets"),  # another distribution of that name
        None,  # import machinery refuses it
    ],
)
def test_datasets_of_somebody_else(module: types.ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", module)
    assert machine.check_datasets_is_ours().level == "FAIL"


def _raises(text: str) -> str:
    raise ImportError(text)


@pytest.mark.parametrize(
    ("error", "todo"),
    [
        ("libGL.so.1: cannot open shared object file: No such file or directory", "apt-get install libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file", "libglib2.0-0"),
        ("No module named 'cv2'", "pip install"),
    ],
)
def test_opencv_that_does_not_load(error: str, todo: str) -> None:
    check = machine.check_opencv_import(lambda: _raises(error))
    assert check.level == "FAIL"
    assert todo in check.todo


def test_opencv_loads_here() -> None:
    assert importlib.import_module("cv2").__version__ in machine.check_opencv_import().text


@pytest.mark.parametrize(
    ("installed", "level"),
    [
        ({"opencv-python": "4.14.0.94"}, "OK"),
        ({"opencv-python": "4.14.0.94", "opencv-python-headless": "4.14.0.94"}, "OK"),
        ({"opencv-python": "4.14.0.94", "opencv-python-headless": "5.0.0.93"}, "FAIL"),  # they share cv2/
        ({"numpy": "2.4.6"}, "FAIL"),  # none at all
    ],
)
def test_opencv_builds(installed: Mapping[str, str], level: Level) -> None:
    assert machine.check_opencv_builds(installed).level == level


@pytest.mark.parametrize("present", [True, False])
def test_torch_or_not_both_are_well(present: bool) -> None:
    check = machine.check_training_extra(present)
    assert check.level == "OK"
    assert ("not installed" in check.text) is not present


def test_onnxruntime_names_its_providers() -> None:
    check = machine.check_onnxruntime()
    assert check.level == "OK"
    assert "CPUExecutionProvider" in check.text


@pytest.mark.parametrize(
    ("free_mb", "level"), [(4000.0, "OK"), (256.0, "OK"), (255.0, "WARN"), (64.0, "WARN"), (63.0, "FAIL")]
)
def test_shared_memory(free_mb: float, level: Level) -> None:
    assert machine.check_shared_memory(free_mb).level == level


@pytest.mark.parametrize(("count", "level"), [(1, "WARN"), (2, "OK"), (64, "OK")])
def test_processors(count: int, level: Level) -> None:
    assert machine.check_processors(count).level == level


@pytest.mark.parametrize(
    ("now_utc_s", "synchronised", "level"),
    [
        (1_800_000_000.0, True, "OK"),
        (1_800_000_000.0, None, "OK"),  # the kernel does not say
        (1_800_000_000.0, False, "WARN"),
        (0.0, True, "FAIL"),  # a board without a battery, never set
    ],
)
def test_clock(now_utc_s: float, synchronised: bool | None, level: Level) -> None:
    assert machine.check_clock(now_utc_s, synchronised).level == level


def test_the_kernel_is_asked_for_its_clock() -> None:
    assert machine.clock_is_synchronised() in (True, False)


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([machine.check_python()], 0),
        ([warn("clock", "drifts", "set it")], 0),  # a warning is no failure
        ([machine.check_python(), fail("disk", "full", "make room")], 1),
    ],
)
def test_exit_code_and_json(
    checks: list[Check], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "all_checks", lambda: checks)
    assert cli.main(["doctor", "--json"]) == code
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["ok"] is (code == 0)
    assert told["checks"] == [check.as_dict() for check in checks]


def test_text_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(machine, "all_checks", lambda: [fail("disk", "full", "make room")])
    assert cli.main(["doctor"]) == 1
    first, second, _, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["FAIL", "disk", "full"]
    assert second.split() == ["->", "make", "room"]
    assert last == "1 checks, 1 failed, 0 warnings"


def test_this_machine_has_nothing_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    assert "FAIL" not in capsys.readouterr().out
