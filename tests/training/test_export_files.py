"""Results appear whole or not at all: full disks, missing folders, a writer that is killed."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from export.whole_file import write_whole
from vision.errors import ConfigError


@contextmanager
def _no_file_above(size: int) -> Iterator[None]:
    """The system itself refuses to write more, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_all_files_or_none(tmp_path: Path) -> None:
    old, new, stale = tmp_path / "a.onnx", tmp_path / "b.onnx", tmp_path / "c.onnx"
    old.write_bytes(b"old")
    stale.write_bytes(b"stale")
    with _no_file_above(4096), pytest.raises(ConfigError, match="cannot be written") as caught:
        write_whole({old: b"x" * 100, new: b"y" * 100_000}, (stale,))
    assert "nothing was changed" in caught.value.todo
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.onnx": b"old",
        "c.onnx": b"stale",
    }
    write_whole({old: b"x", new: b"y"}, (stale,))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.onnx": b"x", "b.onnx": b"y"}


@pytest.mark.parametrize("out", ["nowhere/a.onnx", "folder"])
def test_no_such_place(tmp_path: Path, out: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError):
        write_whole({tmp_path / out: b"x"})
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


_KILLED = """
import sys
from pathlib import Path
from export import whole_file

def stop(descriptor):
    print("on its way", flush=True)
    sys.stdin.read()

whole_file.os.fsync = stop
whole_file.write_whole({Path(sys.argv[1]): b"x" * 5000})
"""


def test_a_killed_writer_leaves_no_file_of_that_name(tmp_path: Path, repository: Path) -> None:
    out = tmp_path / "rail.onnx"
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(out)],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"on its way\n"
        writer.kill()
    assert not out.exists()
    write_whole({out: b"whole"})
    assert [path.name for path in tmp_path.iterdir()] == ["rail.onnx"]
