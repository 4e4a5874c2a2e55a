"""The live socket, through a real server: newest only, slow and hostile browsers, stations that restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from edge_runtime.config import StationConfig
from edge_runtime.page import live, live_client, process
from edge_runtime.page.context import PageContext
from edge_runtime.page.encode import WIDTH_MAX_PX
from edge_runtime.page.live_client import FLOOD, FULL, GARBAGE, MESSAGE_CHARS_MAX, SIGNED_OUT
from edge_runtime.page.picture_feed import PERIOD_S
from tests.edge.page.conftest import PASSWORD
from tests.edge.page.live_rig import (
    FakeCamera,
    RunningPage,
    next_picture,
    next_text,
    pixels_of,
    running_page,
    wait_until,
)
from tests.edge.page.status_samples import sample_status, shown_status

pytestmark = pytest.mark.long

CAMERA = "channel"
DRAWN = json.dumps({"type": "drawn"})


@pytest.fixture
def context(
    set_page: Callable[..., StationConfig], make_context: Callable[..., PageContext], free_port: int
) -> PageContext:
    return make_context(set_page(port=free_port))


@pytest.fixture
def page(context: PageContext) -> Iterator[RunningPage]:
    with running_page(context) as running:
        yield running


@pytest.fixture
def camera(context: PageContext) -> Iterator[FakeCamera]:
    shown = FakeCamera(context.station, CAMERA)
    yield shown
    shown.close()


class Showing:
    """A camera that shows a picture every so often, until it is left."""

    def __init__(self, camera: FakeCamera, period_s: float = 0.02) -> None:
        self._camera, self._period_s = camera, period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera")

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._camera.show()

    def __enter__(self) -> Showing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _closed_with(socket: ClientConnection) -> int:
    """Read until the other side closes; the code that it gave."""
    end = time.monotonic() + 20.0

    def read_on() -> None:
        while True:
            socket.recv(timeout=max(0.01, end - time.monotonic()))

    with pytest.raises(ConnectionClosed) as closed:
        read_on()
    assert closed.value.rcvd is not None, "the connection broke without a word"
    return closed.value.rcvd.code


def _drawn_until_closed(socket: ClientConnection, period_s: float = 0.0) -> None:
    """Say 'drawn' and nothing else, until the other side has enough of it."""
    end = time.monotonic() + 60.0

    def say_on() -> None:
        while time.monotonic() < end:
            socket.send(DRAWN)
            time.sleep(period_s)

    with pytest.raises(ConnectionClosed):
        say_on()


def test_a_picture_with_what_was_found_in_it(page: RunningPage, camera: FakeCamera) -> None:
    with page.socket(CAMERA) as socket:
        wait_until(lambda: camera.box.wanted)
        camera.show(fault="lamp")
        header, jpeg = next_picture(socket)
    assert header["camera"] == CAMERA
    assert (header["width_px"], header["height_px"], header["frame_number"]) == (320, 120, 1)
    assert header["fault"] == "lamp"
    assert header["balls"] == [
        {
            "part": "1-0-5",
            "xyxy_px": [10.0, 20.0, 90.0, 100.0],
            "state": "reject",
            "reason": "crack",
            "diameter_mm": 40.01,
            "findings": [{"label": "crack", "score": 0.9, "xyxy_px": [1.0, 2.0, 3.0, 4.0]}],
        }
    ]
    assert 0 <= header["age_ms"]
    assert header["sent_utc_ms"] >= header["arrived_utc_ms"] > 1e12
    image = pixels_of(jpeg)
    assert image.shape == (120, 320)
    assert abs(float(np.median(image)) - 1.0) <= 2.0


def test_a_big_picture_is_scaled_down_and_its_boxes_are_not(page: RunningPage, context: PageContext) -> None:
    big = FakeCamera(context.station, CAMERA, 2560, 960)
    try:
        with page.socket(CAMERA) as socket:
            wait_until(lambda: big.box.wanted)
            big.show()
            header, jpeg = next_picture(socket)
    finally:
        big.close()
    assert (header["width_px"], header["height_px"]) == (2560, 960)
    assert pixels_of(jpeg).shape == (480, WIDTH_MAX_PX)
    assert header["balls"][0]["xyxy_px"] == [10.0, 20.0, 90.0, 100.0]


def test_the_picture_that_lies_there_is_shown_to_whoever_comes(page: RunningPage, camera: FakeCamera) -> None:
    camera.show()
    for _ in range(2):  # the second browser comes when the first has taken it
        with page.socket(CAMERA) as socket:
            assert next_picture(socket)[0]["frame_number"] == 1


def test_nothing_more_is_sent_until_the_picture_is_drawn_and_then_the_newest(
    page: RunningPage, camera: FakeCamera
) -> None:
    with page.socket(CAMERA) as socket:
        wait_until(lambda: camera.box.wanted)
        first = camera.show()
        assert next_picture(socket)[0]["frame_number"] == first
        for _ in range(30):
            camera.show()
            time.sleep(0.01)
        with pytest.raises(TimeoutError):
            next_picture(socket, timeout_s=0.5)
        socket.send(DRAWN)
        assert next_picture(socket)[0]["frame_number"] == camera.number


def test_a_slow_browser_does_not_slow_a_quick_one(page: RunningPage, camera: FakeCamera) -> None:
    with page.socket(CAMERA) as slow, page.socket(CAMERA) as quick, Showing(camera):
        next_picture(slow)  # and never says that it was drawn
        numbers = []
        for _ in range(12):
            numbers.append(next_picture(quick)[0]["frame_number"])
            quick.send(DRAWN)
        assert numbers == sorted(set(numbers))
        slow.send(DRAWN)
        assert next_picture(slow)[0]["frame_number"] >= numbers[-1]


def test_pictures_come_at_most_at_the_page_s_pace(page: RunningPage, camera: FakeCamera) -> None:
    with page.socket(CAMERA) as socket, Showing(camera, 0.005):
        begun_s = time.monotonic()
        numbers = []
        while time.monotonic() - begun_s < 1.5:
            numbers.append(next_picture(socket)[0]["frame_number"])
            socket.send(DRAWN)
        assert len(numbers) <= 1.5 / PERIOD_S + 2
        assert numbers[-1] - numbers[0] > len(numbers), "pictures between were to be left out"


def test_the_station_is_asked_for_pictures_only_while_somebody_draws(
    page: RunningPage, camera: FakeCamera
) -> None:
    with page.socket() as socket:
        next_text(socket)
        assert not camera.box.wanted
        socket.send(json.dumps({"type": "camera", "name": CAMERA}))
        wait_until(lambda: camera.box.wanted)
        socket.send(json.dumps({"type": "camera", "name": None}))
        wait_until(lambda: not camera.box.wanted)
        # A tab that is hidden gets its picture and draws it no more.
        socket.send(json.dumps({"type": "camera", "name": CAMERA}))
        camera.show()
        next_picture(socket)
        wait_until(lambda: not camera.box.wanted)
        socket.send(DRAWN)
        wait_until(lambda: camera.box.wanted)


def test_pictures_go_on_after_the_station_was_restarted(page: RunningPage, context: PageContext) -> None:
    first = FakeCamera(context.station, CAMERA)
    with page.socket(CAMERA) as socket:
        wait_until(lambda: first.box.wanted)
        first.show()
        next_picture(socket)
        socket.send(DRAWN)
        # A station that was killed leaves its mailbox behind; the next one replaces it.
        second = FakeCamera(context.station, CAMERA, 160, 60)
        try:
            wait_until(lambda: second.box.wanted)
            second.show()
            header, _ = next_picture(socket)
            assert (header["frame_number"], header["width_px"]) == (1, 160)
            # One that ended takes it away.
            second.close()
            socket.send(DRAWN)
            next_text(socket)
            third = FakeCamera(context.station, CAMERA)
            try:
                wait_until(lambda: third.box.wanted)
                third.number = 40
                third.show()
                assert next_picture(socket)[0]["frame_number"] == 41
            finally:
                third.close()
        finally:
            first.box._view.release()
            first.box._memory.close()
            first.box._wake.close()


def test_a_message_that_is_no_picture_is_passed_over(page: RunningPage, camera: FakeCamera) -> None:
    with page.socket(CAMERA) as socket:
        wait_until(lambda: camera.box.wanted)
        for rubbish in (b"", b"\x00", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00{}", b"\x02\x00\x00\x00[]x"):
            camera.box.write(rubbish)
            time.sleep(0.1)
        number = camera.show()
        assert next_picture(socket)[0]["frame_number"] == number


def test_the_state_comes_at_once_and_again_and_again(page: RunningPage, context: PageContext) -> None:
    context.mono_ns = time.monotonic_ns
    status = sample_status(context.station, written_mono_ns=time.monotonic_ns())
    with page.socket() as socket:
        assert next_text(socket)["status"] is None
        with shown_status(status):
            wait_until(lambda: next_text(socket)["status"] is not None)
        state = next_text(socket)
    assert state["status"] == status.model_dump(mode="json", exclude={"day": {"closed_lots"}})
    assert state["station_seen"] is True
    assert "viewer" not in state
    assert "csrf" not in state
    assert set(state) >= {"alarms", "books", "counts", "machine", "recorder", "page", "server_utc_ms"}


def test_an_unknown_camera_is_said_and_the_connection_stays(page: RunningPage) -> None:
    with page.socket("nobody") as socket:
        said = next_text(socket, "error")
        assert (said["code"], said["values"]) == ("unknown_camera", {"camera": "nobody"})
        next_text(socket)
        next_text(socket)


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        '"drawn"',
        "{}",
        '{"type": "drown"}',
        '{"type": "camera", "name": 7}',
        "[" * 400,
        '{"type": "drawn", "x": "' + "y" * MESSAGE_CHARS_MAX + '"}',
        b"\x00\x01",
    ],
)
def test_garbage_is_sent_away(page: RunningPage, message: str | bytes) -> None:
    with page.socket() as socket:
        socket.send(message)
        assert _closed_with(socket) == GARBAGE


def test_a_flood_is_sent_away_and_harms_nobody(page: RunningPage, camera: FakeCamera) -> None:
    with page.socket(CAMERA) as good, page.socket(CAMERA) as flooding, Showing(camera):
        _drawn_until_closed(flooding)
        assert _closed_with(flooding) == FLOOD
        for _ in range(5):
            next_picture(good)
            good.send(DRAWN)


def test_who_does_not_read_is_cut_off_and_harms_nobody(
    context: PageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_client, "SEND_S", 0.5)
    monkeypatch.setattr(live_client, "RATE_PER_S", 1e6)
    monkeypatch.setattr(process, "UNREAD_MS", 1000)
    large = FakeCamera(context.station, CAMERA, 1280, 480, noise=True)
    try:
        with running_page(context) as page, page.socket(CAMERA) as good, Showing(large):
            # Little room in the kernel, and a client that stops reading after two messages.
            with page.socket(CAMERA, max_queue=1, sock=page.narrow()) as deaf:
                # It says 'drawn' for ever and takes nothing from its socket.
                _drawn_until_closed(deaf, 0.002)
            for _ in range(5):
                next_picture(good)
                good.send(DRAWN)
    finally:
        large.close()


def test_too_many_are_told_to_come_again_and_the_others_go_on(
    page: RunningPage, camera: FakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLIENTS_PER_ADDRESS_MAX", 6)
    with ExitStack() as stack:
        sockets = [stack.enter_context(page.socket(CAMERA)) for _ in range(6)]
        for socket in sockets:
            next_text(socket)
        for _ in range(3):
            with page.socket(CAMERA) as late:
                assert _closed_with(late) == FULL
        with Showing(camera):
            for socket in sockets:
                next_picture(socket)
        sockets[0].close()

        def there_is_room() -> bool:
            with page.socket() as socket:
                try:
                    return bool(next_text(socket))
                except ConnectionClosed:
                    return False

        wait_until(there_is_room)


def test_another_site_s_page_gets_nothing(page: RunningPage) -> None:
    with pytest.raises(InvalidStatus), page.socket(origin="http://evil.example"):
        pass


def test_where_looking_needs_a_sign_in(
    set_page: Callable[..., StationConfig], make_context: Callable[..., PageContext], free_port: int
) -> None:
    context = make_context(set_page(port=free_port, view_without_sign_in=False))
    context.accounts.create("ann", "operator", PASSWORD, by="test")
    with running_page(context) as page:
        with page.socket() as nobody:
            assert _closed_with(nobody) == SIGNED_OUT
        with httpx.Client(base_url=page.url) as browser:
            answer = browser.post("/api/login", json={"name": "ann", "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            with page.socket(cookie=cookie) as socket:
                next_text(socket)
                # Signed out in another tab: the pictures end here, too.
                headers = {"X-CSRF-Token": answer.json()["csrf"]}
                assert browser.post("/api/logout", json={}, headers=headers).status_code == 200
                assert _closed_with(socket) == SIGNED_OUT


def test_the_page_s_end_closes_every_socket(context: PageContext) -> None:
    with ExitStack() as stack:
        with running_page(context) as page:
            sockets = [stack.enter_context(page.socket()) for _ in range(3)]
            for socket in sockets:
                next_text(socket)
        assert [_closed_with(socket) for socket in sockets] == [1012] * 3
