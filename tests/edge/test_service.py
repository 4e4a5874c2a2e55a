"""Words to the service manager, heard at a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.service import ServiceManager


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(5.0)
        yield ear


def test_it_hears_of_up_alive_and_down(ear: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", ear.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    manager = ServiceManager()
    assert "NOTIFY_SOCKET" not in os.environ, "children do not speak for the service"
    manager.ready("station line-1")
    assert ear.recv(200) == b"READY=1\nSTATUS=station line-1"
    now_s = 100.0
    monkeypatch.setattr("edge_runtime.service.time.monotonic", lambda: now_s)
    manager.alive()
    manager.alive()
    now_s = 110.5
    manager.alive()
    manager.stopping()
    assert [ear.recv(200) for _ in range(3)] == [b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_address_and_a_manager_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0fg-test-{os.getpid()}")
        ServiceManager(f"@fg-test-{os.getpid()}").status("up")
        assert ear.recv(200) == b"STATUS=up"
    ServiceManager(f"@fg-test-{os.getpid()}").status("nobody hears it")
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    silent = ServiceManager()
    silent.ready("x")
    silent.alive()
