"""What a station shows of itself: status and live pictures, read back as the page reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.encoder import wrap
from edge_runtime.journal import JournalWriter
from edge_runtime.live.mailbox import MailboxReader, picture_box_name, status_box_name
from edge_runtime.live.pictures import LivePicture, unpack_picture
from edge_runtime.live.status import ModelFacts, RecipeFacts, StationStatus
from edge_runtime.shm_ring import memory_path
from edge_runtime.station import show as show_module
from edge_runtime.station.latency import BALLS, LatencyRing
from edge_runtime.station.show import BUSY_EVENTS, Show, ShownFacts
from tests.edge.core_rig import pass_ball, station
from tests.edge.ledger_samples import part
from tests.edge.station.day_rig import DayRig
from vision.types import Frame, UInt8Array

SMALL_PX = 150.0
FACTS = ShownFacts(
    "s1",
    1,
    RecipeFacts(name="own.yaml", product="Ball 40", sha256="a", d_nominal_mm=40, d_min_mm=39, d_max_mm=41),
    ModelFacts(name="m.onnx", sha256="b", provider="cpu", labels=("crack",)),
)


class Shown:
    """A rig, its mailboxes, and what a page reads in them."""

    def __init__(self, folder: Path) -> None:
        self.rig = DayRig()
        config = station(name=f"show-{os.getpid()}")
        self.names = [status_box_name(config.name), picture_box_name(config.name, "left")]
        self.show = Show(config, FACTS)
        self.journal = JournalWriter(folder / "journal")
        self.box = MailboxReader(self.names[0])
        self.pictures = MailboxReader(self.names[1])

    def status(self) -> StationStatus:
        self.show._next_status_ns = 0
        self.show.status_if_due(self.rig.core, self.journal)
        data = self.box.read()
        assert data is not None
        return StationStatus.model_validate_json(data)

    def frame(self) -> Frame:
        rig = self.rig
        return Frame("left", rig.number, wrap(rig.now), rig.now, None, 40.0, rig.picture())

    def step(self, waiting: int = 0) -> Frame:
        """The belt moves to the next exposure, which the core handles and the show may hand out."""
        rig = self.rig
        rig.run_to(rig.now + 256 - rig.now % 256 - 1)
        rig.now += 1
        rig.core.on_status(rig.header())
        frame = self.frame()
        rig.core.on_frame(frame)
        self.show._next_picture_ns["left"] = 0
        self.show.picture_if_wanted(rig.core, frame, waiting)
        return frame

    def picture(self) -> tuple[LivePicture, UInt8Array]:
        data = self.pictures.read()
        assert data is not None
        return unpack_picture(data)

    def close(self) -> None:
        self.box.close()
        self.pictures.close()
        self.show.close()
        self.journal.close()


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    shown = Shown(tmp_path)
    yield shown
    shown.close()
    assert not any(memory_path(name).exists() for name in shown.names)


def test_the_status_says_how_things_stand(shown: Shown) -> None:
    rig = shown.rig
    rig.ball(1)
    rig.ask("open_shift", name="Смена 1")
    rig.core.hold("geometry", "the PLC's differs")
    rig.core.on_status(rig.header(plc_status=0b1101, stop_cause=1, key_switch=2, accepted_total=7))
    status = shown.status()
    assert (status.session, status.ready) == ("s1", False)
    assert status.holds["geometry"] == "the PLC's differs"
    assert status.day.shift is not None
    assert status.day.shift.name == "Смена 1"
    assert (status.plc.key_switch, status.plc.stop_cause, status.plc.belt_running) == (
        "service",
        "e_stop",
        True,
    )
    assert status.plc.inputs == ("e_stop", "guard_open")
    assert status.plc.totals["accepted_total"] == 7
    assert status.counts["verdict_accept"] == 1
    assert status.in_zone == 1
    (camera,) = status.cameras
    assert (camera.fault, camera.frames) == ("ok", rig.core.counts["frames"])
    assert camera.background is not None
    assert camera.focus_px is not None
    assert status.loop_ms_p50 is not None


def test_a_camera_that_sends_nothing_is_silent(shown: Shown) -> None:
    shown.rig.core.hold("camera_left", "no frame although the belt moves")
    (camera,) = shown.status().cameras
    assert (camera.fault, camera.detail) == ("silent", "no frame although the belt moves")


def test_the_status_is_not_made_more_often_than_needed(shown: Shown) -> None:
    shown.status()
    before = shown.box.counter
    shown.show.status_if_due(shown.rig.core, shown.journal)
    assert shown.box.counter == before


def test_no_picture_is_copied_while_nobody_looks_or_the_loop_is_behind(shown: Shown) -> None:
    shown.step()
    assert shown.pictures.read() is None
    shown.pictures.want()
    shown.step(waiting=BUSY_EVENTS + 1)
    assert shown.pictures.read() is None
    shown.step(waiting=BUSY_EVENTS)
    assert shown.pictures.read() is not None


def test_pictures_keep_their_distance(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_module, "PICTURE_PERIOD_NS", 1 << 60)
    shown.pictures.want()
    frame = shown.step()
    before = shown.pictures.counter
    shown.show.picture_if_wanted(shown.rig.core, frame, 0)
    assert shown.pictures.counter == before == 1


def test_a_picture_shows_the_balls_with_what_was_found(shown: Shown) -> None:
    rig = shown.rig
    shown.pictures.want()
    rig.odd_px[rig.now + 400] = SMALL_PX
    pass_ball(rig, rig.now + 400)
    states = []
    for _ in range(8):
        frame = shown.step()
        picture, pixels = shown.picture()
        assert picture.frame_number == frame.frame_number
        assert np.array_equal(pixels, frame.image)
        states += [(ball.state, ball.reason) for ball in picture.balls]
        for ball in picture.balls:
            x1, y1, x2, y2 = ball.xyxy_px
            assert ball.part == "1-0-1"
            assert x2 - x1 == pytest.approx(SMALL_PX, abs=2)
            assert y2 - y1 == pytest.approx(SMALL_PX, abs=2)
            assert ball.diameter_mm == pytest.approx(37.5, abs=0.1)
            middle = (rig.now - rig.balls[0] - 800) * 0.5
            assert (x1 + x2) / 2 == pytest.approx(middle, abs=1)
    # Open while views are still to come, and in the picture of its last view with the verdict.
    assert states[0] == ("open", "")
    assert states[-1] == ("reject", "diameter_low")


def test_a_frame_of_another_shape_is_not_shown(shown: Shown) -> None:
    shown.pictures.want()
    shown.rig.run_to(shown.rig.now + 256)
    frame = shown.frame()
    big = Frame("left", 1, frame.encoder_count, 1, None, 40.0, np.zeros((2000, 2000), np.uint8))
    shown.show._next_picture_ns["left"] = 0
    shown.show.picture_if_wanted(shown.rig.core, big, 0)
    assert shown.pictures.read() is None


def test_percentiles_are_of_the_last_balls_only() -> None:
    ring = LatencyRing()
    assert ring.percentiles_ms() == (None, None)
    for number in range(BALLS + 100):
        entry = part(1, decided_ns=1_000_000 * (1000 if number < 100 else 1 + number % 100))
        ring.add(entry)
    p50, p99 = ring.percentiles_ms()
    assert p50 is not None
    assert p99 is not None
    assert 45 < p50 < 55
    assert 95 < p99 <= 100
