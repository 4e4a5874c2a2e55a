"""The page's own process: it starts without a line, ends in order, and says why when it cannot start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from edge_runtime.config import StationConfig
from edge_runtime.page import patience
from edge_runtime.page.context import PageContext
from edge_runtime.page.process import NICENESS, bind, serve
from edge_runtime.people.accounts import Accounts

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "edge_runtime.page.process"]
WAIT_S = 60.0


class Page:
    """A page's process; its log is a file of JSON lines."""

    def __init__(self, station_file: Path) -> None:
        self._log = station_file.with_name("page.log")
        environment = {**os.environ, "FERROGATE_LOG": "json"}
        with self._log.open("w") as log:
            self.process = subprocess.Popen([*COMMAND, str(station_file)], stderr=log, env=environment)

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said().splitlines(keepends=True) if line.endswith("\n")]

    def serving(self) -> str:
        """Its address, once it answers."""
        end = time.monotonic() + WAIT_S
        while True:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            urls = [event["url"] for event in self.events() if event["event"] == "serving"]
            if urls:
                try:
                    assert httpx.get(f"{urls[0]}healthz").json()["page"] == "alive"
                except httpx.TransportError:
                    pass  # it listens already, and answers once it has loaded
                else:
                    return str(urls[0])
            time.sleep(0.05)

    def stop(self) -> int:
        """Exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


Start = Callable[[], Page]


@pytest.fixture
def start(station_file: Path) -> Iterator[Start]:
    """Start the page of the station file."""
    started: list[Page] = []

    def begin() -> Page:
        started.append(Page(station_file))
        return started[-1]

    yield begin
    for page in started:
        if page.process.poll() is None:
            page.process.kill()
        page.process.wait()


def test_it_starts_without_a_line_and_ends_in_order(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    config = set_page(port=free_port)
    page = start()
    url = page.serving()
    assert url == f"http://127.0.0.1:{free_port}/"
    assert psutil.Process(page.process.pid).nice() == NICENESS
    metrics = httpx.get(f"{url}metrics").text
    assert "ferrogate_station_up 0.0" in metrics
    assert "ferrogate_ledger_up 0.0" in metrics
    state = httpx.get(f"{url}api/state")
    assert (state.status_code, state.json()["status"]) == (200, None)
    assert page.stop() == 0
    no_accounts = [event for event in page.events() if event["event"] == "no_accounts"]
    assert [event["level"] for event in no_accounts] == ["info"]
    assert "ferrogate people" in no_accounts[0]["todo"]
    assert {event["station"] for event in page.events()} == {config.name}


def _read_on(live: ClientConnection) -> None:
    while True:
        live.recv(timeout=WAIT_S)


def test_sockets_are_closed_when_it_ends(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    set_page(port=free_port)
    page = start()
    page.serving()
    with connect(f"ws://127.0.0.1:{free_port}/ws/live") as live:
        assert json.loads(live.recv(timeout=WAIT_S))["type"] == "state"
        page.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            _read_on(live)
    assert page.process.wait(WAIT_S) == 0


def test_it_ends_when_its_parent_is_gone(
    set_page: Callable[..., StationConfig], station_file: Path, free_port: int
) -> None:
    """The supervisor was killed: nobody would start the page again, or stop it."""
    set_page(port=free_port)
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({[*COMMAND, str(station_file)]!r}, stderr=subprocess.PIPE, text=True)\n"
        "while 'serving' not in child.stderr.readline(): pass\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "FERROGATE_LOG": "json"}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    page = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    page.wait(WAIT_S)


def _refused(start: Start) -> tuple[int, str]:
    page = start()
    code = page.process.wait(WAIT_S)
    assert "Traceback" not in page.said()
    (ended,) = [event for event in page.events() if event["event"] == "ended"]
    return code, f"{ended['error']}; {ended['where']}; {ended['todo']}"


def test_a_port_that_is_taken_is_said_once(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    set_page(port=free_port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        code, said = _refused(start)
    assert code == 2
    assert f"127.0.0.1:{free_port}" in said
    assert "page.port" in said


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::7"])
def test_an_address_of_another_machine_is_said(
    set_page: Callable[..., StationConfig], start: Start, free_port: int, host: str
) -> None:
    set_page(port=free_port, host=host)
    code, said = _refused(start)
    assert code == 2
    assert "page.host" in said


def test_a_station_without_a_page(station_file: Path, start: Start) -> None:
    text = station_file.read_text(encoding="utf-8")
    station_file.write_text(text.replace("page: {}", "page: null"), encoding="utf-8")
    code, said = _refused(start)
    assert code == 2
    assert "page: null" in said


def test_accounts_that_cannot_be_used_are_said(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    config = set_page(port=free_port)
    config.storage.folder.mkdir()
    (config.storage.folder / "accounts.sqlite").write_bytes(b"no database" * 100)
    code, said = _refused(start)
    assert code == 11
    assert "accounts.sqlite" in said


def test_on_the_network_it_warns_of_what_is_missing(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    config = set_page(port=free_port, host="0.0.0.0")
    page = start()
    url = page.serving()
    assert httpx.get(f"http://127.0.0.1:{free_port}/healthz").status_code == 200
    assert httpx.get(f"{url}healthz", headers={"Host": "evil.example"}).status_code == 421
    assert page.stop() == 0
    warned = {event["event"]: event.get("todo", "") for event in page.events() if event["level"] == "warning"}
    assert "ferrogate people" in warned["no_accounts"]
    assert "TLS" in warned["plain_http"]
    accounts = Accounts.open(config.storage.folder)
    accounts.create_one_time("A", "admin")
    accounts.close()


def test_it_starts_again_on_the_same_port_at_once(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    set_page(port=free_port)
    for _ in range(2):
        page = start()
        url = page.serving()
        with httpx.Client() as browser:
            browser.get(f"{url}healthz")
            page.process.kill()
            page.process.wait()


@pytest.fixture
def served(
    set_page: Callable[..., StationConfig], make_context: Callable[..., PageContext], free_port: int
) -> Iterator[int]:
    """The page served by a thread of the test; its port."""
    config = set_page(port=free_port)
    assert config.page is not None
    stop = threading.Event()
    listener = bind(config.page)
    thread = threading.Thread(target=serve, args=(make_context(config), listener, stop.is_set))
    thread.start()
    yield free_port
    stop.set()
    thread.join()


HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"", b""),  # opened, and nothing said
        (HALF, b""),  # a header without an end
        (HALF + b"\r\n", b""),  # a request, and nothing after it
        (HALF + b"\r\n", HALF),  # a request, and half of another
    ],
)
def test_a_connection_that_asks_for_nothing_is_closed(
    monkeypatch: pytest.MonkeyPatch, served: int, first: bytes, second: bytes
) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", 0.2)
    with socket.create_connection(("127.0.0.1", served), timeout=WAIT_S) as browser:
        browser.sendall(first)
        if first.endswith(b"\r\n\r\n"):
            assert browser.recv(4096).startswith(b"HTTP/1.1 200")
        browser.sendall(second)
        while browser.recv(4096):
            pass


def test_a_socket_is_not_taken_for_a_silent_browser(monkeypatch: pytest.MonkeyPatch, served: int) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", 0.1)
    with connect(f"ws://127.0.0.1:{served}/ws/live") as live:
        for _ in range(3):  # the state comes twice a second
            assert json.loads(live.recv(timeout=WAIT_S))["type"] == "state"


def test_a_service_that_breaks_off_ends_the_page(
    set_page: Callable[..., StationConfig], make_context: Callable[..., PageContext], free_port: int
) -> None:
    """Half a page is worse than one that the supervisor starts again."""
    config = set_page(port=free_port)
    assert config.page is not None
    context = make_context(config)
    context.fail(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        serve(context, bind(config.page), lambda: False)


def test_behind_a_proxy_it_knows_for_whom_it_is_asked(
    set_page: Callable[..., StationConfig], start: Start, free_port: int
) -> None:
    """As a TLS proxy on this machine asks: name and address of the browser in its headers."""
    name = "line.plant.example"
    config = set_page(port=free_port, behind_proxy=True, trusted_hosts=[name], view_without_sign_in=False)
    accounts = Accounts.open(config.storage.folder)
    accounts.create("A", "foreman", "correct horse 42", by="test")
    accounts.close()
    page = start()
    url = page.serving()
    proxied = {
        "Host": name,
        "Origin": f"https://{name}",
        "X-Forwarded-For": "6.6.6.6, 10.0.0.5",  # the first is what the browser claims of itself
        "X-Forwarded-Proto": "https",
    }
    assert httpx.get(f"{url}api/state", headers=proxied).status_code == 401
    assert httpx.get(f"{url}metrics", headers=proxied).status_code == 401
    body = {"name": "A", "password": "correct horse 42"}
    answer = httpx.post(f"{url}api/login", json=body, headers=proxied)
    assert answer.status_code == 200, answer.text
    assert answer.headers["set-cookie"].startswith("__Host-ferrogate-")
    assert "secure" in answer.headers["set-cookie"].lower()
    plain = httpx.post(f"{url}api/login", json=body, headers=proxied | {"Origin": f"http://{name}"})
    assert plain.json()["code"] == "bad_origin"
    assert page.stop() == 0
    (signed_in,) = [event for event in page.events() if event["event"] == "signed_in"]
    assert signed_in["address"] == "10.0.0.5"


def test_answers_are_not_held_back(set_page: Callable[..., StationConfig], free_port: int) -> None:
    """asyncio turns Nagle's wait off for sockets that say they are TCP, and accepted ones inherit that."""
    config = set_page(port=free_port)
    assert config.page is not None
    with bind(config.page) as listener:
        listener.setblocking(True)
        with socket.create_connection(("127.0.0.1", free_port)), listener.accept()[0] as accepted:
            assert accepted.proto == socket.IPPROTO_TCP
