"""The command line: lazy loading, errors as three lines or one object, exit codes, pipes."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from edge_runtime import cli
from vision import errors

#: Loading any of these for `--help` would make it slow.
HEAVY = ("numpy", "cv2", "onnxruntime", "pydantic", "sqlalchemy", "pymodbus", "rich", "torch")


def _python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False
    )


def _with_command(monkeypatch: pytest.MonkeyPatch, run: Callable[[argparse.Namespace], int]) -> None:
    """Put one command, `act`, in place of the real ones."""

    class Act:
        HELP = "act"
        EPILOG = ""

        @staticmethod
        def register(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("--json", action="store_true")
            parser.add_argument("--number", type=int)
            parser.set_defaults(run=run)

    monkeypatch.setattr(cli, "EDGE_COMMANDS", (("act", "tests.act", "act"),))
    monkeypatch.setitem(sys.modules, "tests.act", Act)


@pytest.mark.parametrize(("name", "module_name", "text"), cli.EDGE_COMMANDS)
def test_the_table_agrees_with_the_commands(name: str, module_name: str, text: str) -> None:
    module = importlib.import_module(module_name)
    assert (module.NAME, module.HELP) == (name, text)
    assert f"ferrogate {name}" in module.EPILOG


@pytest.mark.parametrize("name", [name for name, _, _ in cli.EDGE_COMMANDS])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: ferrogate {name}" in capsys.readouterr().out


def test_help_lists_all_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from edge_runtime import cli; text = cli.build_parser().format_help(); "
        "print(text); print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    done = _python(code, *HEAVY)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "[]"
    for name in [*(name for name, _, _ in cli.EDGE_COMMANDS), *cli.ROOM_HELP]:
        assert any(line.split()[:1] == [name] for line in lines), name


def test_rooms_come_by_entry_points() -> None:
    points = {point.name: point.value for point in metadata.entry_points(group=cli.ENTRY_POINT_GROUP)}
    for room in ("data", "train", "export"):
        assert points[room].endswith(".cli:register")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.strip() == f"ferrogate {metadata.version('ferrogate')}"


ERRORS = [
    (errors.FerrogateError, 1),
    (errors.ConfigError, 2),
    (errors.ImageError, 3),
    (errors.ContractError, 4),
    (errors.ProviderError, 5),
    (errors.LinkError, 6),
    (errors.CameraError, 7),
    (errors.LedgerError, 8),
]


@pytest.mark.parametrize(("kind", "code"), ERRORS)
def test_a_user_error_is_three_lines_and_its_code(
    kind: type[errors.FerrogateError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise kind("it broke", where="line 3", todo="mend it")

    _with_command(monkeypatch, run)
    assert cli.main(["act"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["error: it broke", "where: line 3", "what to do: mend it"]


def test_a_user_error_as_json_is_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: argparse.Namespace) -> int:
        print("some progress")
        raise errors.LinkError("it broke", where="here", todo="mend it")

    _with_command(monkeypatch, run)
    assert cli.main(["act", "--json"]) == 6
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last) == {"error": "it broke", "where": "here", "todo": "mend it"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "required"),  # no command at all
        (["jump"], "invalid choice"),  # no such command
        (["act", "--numbr", "3"], "unrecognized"),  # a typo
        (["act", "--num", "3"], "unrecognized"),  # abbreviations are not taken
        (["act", "--number", "three"], "invalid int"),  # wrong type
    ],
)
def test_a_wrong_command_line_is_a_user_error(
    words: list[str], part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_command(monkeypatch, lambda _: 0)
    assert cli.main(words) == 2
    what, where, todo = capsys.readouterr().err.splitlines()
    assert part in what
    assert "command line" in where
    assert "--help" in todo


def test_the_commands_own_exit_code_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, lambda _: 9)
    assert cli.main(["act"]) == 9


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    _with_command(monkeypatch, run)
    assert cli.main(["act"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_edge_module_spoils_no_other_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_command(monkeypatch, lambda _: 0)
    monkeypatch.setattr(cli, "EDGE_COMMANDS", (*cli.EDGE_COMMANDS, ("gone", "edge_runtime.no_such", "gone")))
    assert cli.main(["act"]) == 0
    assert cli.main(["gone"]) == 1
    assert "edge_runtime.no_such" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("no_such_room.cli:register", "no_such_room"),  # the room is not installed
        ("vision.errors:register", "register"),  # a module without the promised function
    ],
)
def test_a_broken_room_is_named(
    value: str, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_command(monkeypatch, lambda _: 0)
    point = metadata.EntryPoint(name="train", value=value, group=cli.ENTRY_POINT_GROUP)
    monkeypatch.setattr(cli, "_rooms", lambda taken: [point])
    assert cli.main(["act"]) == 0
    assert cli.main(["train"]) == 1
    said = capsys.readouterr().err
    assert part in said
    assert "ferrogate[train]" in said


def test_what_nobody_handled_is_told_in_full_and_70() -> None:
    code = (
        "import sys; from edge_runtime import cli\n"
        "def broken(): raise ZeroDivisionError('deep inside')\n"
        "cli.build_parser = broken\n"
        "sys.exit(cli.main())"
    )
    done = _python(code)
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: deep inside" in done.stderr
    assert "please report it" in done.stderr.splitlines()[-1]


def test_a_reader_that_leaves_is_no_fault() -> None:
    code = (
        "import sys; from edge_runtime import cli\n"
        "class Parser:\n"
        "    def parse_args(self, words):\n"
        "        import argparse\n"
        "        return argparse.Namespace(run=lambda args: [print('x' * 99) for _ in range(9999)] and 0)\n"
        "cli.build_parser = Parser\n"
        "sys.exit(cli.main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait(30) == 141


def test_a_broken_pipe_elsewhere_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A socket that breaks raises the same error; taking it for a closed output would hide it."""

    def run(_: argparse.Namespace) -> int:
        raise BrokenPipeError("a socket")

    _with_command(monkeypatch, run)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(BrokenPipeError, match="a socket"):
            cli.main(["act"])
