"""The leak check sees what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from edge_runtime.shm_ring import create_memory, memory_path
from tests.leaks import Belongings


def test_a_running_thread_is_named() -> None:
    go = threading.Event()
    before = Belongings.now()
    thread = threading.Thread(target=go.wait, name="left-over")
    thread.start()
    try:
        assert before.left_since(patience_s=0.05) == ["thread 'left-over' still runs"]
    finally:
        go.set()
        thread.join()
    assert before.left_since() == []


def test_a_running_child_is_named_and_ended() -> None:
    before = Belongings.now()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        (line,) = before.left_since(patience_s=0.05)
        assert line.startswith(f"process {child.pid} still runs")
        assert child.wait(10) < 0  # killed by the check
    assert before.left_since() == []


@pytest.mark.parametrize("mapped", [True, False])  # by this process only; by nobody
def test_shared_memory_is_named_and_removed(mapped: bool) -> None:
    before = Belongings.now()
    name = f"fg-test-{os.getpid()}-leak"
    memory = create_memory(name, 64)
    if not mapped:
        memory.close()
    assert before.left_since(patience_s=0.05) == [f"shared memory '{memory_path(name)}' was not removed"]
    assert not memory_path(name).exists()
    memory.close()


def test_memory_that_another_process_uses_is_not_ours() -> None:
    """Another run on this machine keeps its rings."""
    name = f"fg-test-{os.getpid()}-other"
    before = Belongings.now()
    code = (
        "import sys; from edge_runtime.shm_ring import create_memory; "
        "memory = create_memory(sys.argv[1], 64); print('ready', flush=True); sys.stdin.read()"
    )
    # A grandchild whose parent has gone is no descendant of this process any more.
    shell = 'exec 3<&0; "$0" -c "$1" "$2" <&3 &'
    orphan = subprocess.Popen(
        ["sh", "-c", shell, sys.executable, code, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert orphan.stdin is not None
    assert orphan.stdout is not None
    try:
        assert orphan.stdout.readline() == "ready\n"
        orphan.wait(10)
        assert before.left_since() == []
        assert memory_path(name).exists()
    finally:
        orphan.stdin.close()
        assert orphan.stdout.read() == ""  # the orphan has ended
        orphan.stdout.close()
        memory_path(name).unlink()
