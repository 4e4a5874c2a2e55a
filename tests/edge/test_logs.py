"""Structured logs: one JSON object per line for machines, readable lines for people."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edge_runtime.logs import VARIABLE, log_error, setup_logging
from vision.errors import ConfigError


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.captureWarnings(False)


def _said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_lines_hold_time_origin_event_and_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("page", "line-1")
    logging.getLogger("edge_runtime.x").info(
        "act", extra={"by": "Әлия\n", "act": {"kind": "open_lot"}, "n": 3}
    )
    (line,) = _said(capsys)
    facts = json.loads(line)
    assert list(facts)[:5] == ["time", "level", "process", "station", "event"]
    assert facts.pop("time").endswith("Z")
    assert facts == {
        "level": "info",
        "process": "page",
        "station": "line-1",
        "event": "act",
        "by": "Әлия\n",
        "act": {"kind": "open_lot"},
        "n": 3,
    }
    assert "Әлия" in line  # readable as it stands


def test_what_people_type_cannot_take_the_place_of_our_fields(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("page", "line-1")
    logging.getLogger("ferrogate.page").warning(
        "request\nforged", extra={"level": "critical", "station": "other", "time": "never", "event": "x"}
    )
    facts = json.loads(_said(capsys)[0])
    assert (facts["level"], facts["station"], facts["event"]) == ("warning", "line-1", "request\nforged")
    assert facts["time"] != "never"


def test_an_exception_stays_on_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("station")
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("ferrogate.x").exception("broken")
    (line,) = _said(capsys)
    assert "ValueError: bad" in json.loads(line)["traceback"]


def test_the_error_that_ends_a_process_is_one_event(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("page", "line-1")
    log_error(ConfigError("the port is taken", where="127.0.0.1:8080", todo="give it another one"))
    facts = json.loads(_said(capsys)[0])
    assert (facts["level"], facts["event"], facts["exit_code"]) == ("error", "ended", 2)
    assert (facts["error"], facts["where"]) == ("the port is taken", "127.0.0.1:8080")
    assert facts["todo"] == "give it another one"
    monkeypatch.setenv(VARIABLE, "text")
    log_error(ConfigError("the port is taken", where="127.0.0.1:8080", todo="give it another one"))
    assert [line.split(":")[0] for line in _said(capsys)] == ["error", "where", "what to do"]


def test_text_lines_are_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "text")
    setup_logging("recorder", "line-1")
    log = logging.getLogger("edge_runtime.recorder")
    log.warning("disk_low", extra={"free_mb": 310, "note": "two words", "path": "/a"})
    log.warning("odd\nname", extra={"who": "a\nb"})
    first, second = _said(capsys)
    assert first.endswith('warning recorder: disk_low free_mb=310 note="two words" path=/a')
    assert second.endswith('warning recorder: odd name who="a\\nb"')


def test_set_up_twice_speaks_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("page")
    setup_logging("page", "line-1")
    logging.getLogger("ferrogate.page").info("serving")
    lines = _said(capsys)
    assert [json.loads(line)["station"] for line in lines] == ["line-1"]


def test_libraries_are_heard_from_warning_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "json")
    setup_logging("page")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.error").warning("trouble")
    assert [json.loads(line)["event"] for line in _said(capsys)] == ["trouble"]


@pytest.mark.parametrize(("chosen", "is_json"), [(None, True), ("text", False), ("JSON", True), ("?", True)])
def test_without_a_terminal_it_is_json_unless_chosen(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, is_json: bool
) -> None:
    if chosen is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, chosen)
    code = "from edge_runtime.logs import setup_logging; import logging; setup_logging('page'); "
    code += "logging.getLogger('ferrogate.x').info('event')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.lstrip().startswith("{") is is_json
