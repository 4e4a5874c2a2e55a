"""What stands in for a running station beside a real page: genuine messages in its mailboxes, a genuine desk.

The page's process reads shared memory and a socket; it cannot tell this from a station. Acts go through the
desk and the rules of the real one. What the line does (belt, balls, holds) is as a test sets it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import cv2
import numpy as np

from edge_runtime.config import StationConfig
from edge_runtime.day.client import desk_path
from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.rules import Facts, Who, apply
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import Request
from edge_runtime.live.mailbox import MailboxWriter, picture_box_name, status_box_name
from edge_runtime.live.pictures import DrawnBall, DrawnFinding, LivePicture, UInt8Array, pack_picture
from edge_runtime.live.status import CameraStatus, ModelFacts, PlcStatusFacts, RecipeFacts, StationStatus
from edge_runtime.models import read_model
from edge_runtime.station.asked import ActAsked, ActDone
from edge_runtime.station.day_file import DayFile
from edge_runtime.station.desk import Desk
from edge_runtime.station.prepare import Preparer
from vision.contract import ModelContract
from vision.detector import Detector

STATUS_S = 0.2
PICTURE_S = 0.08
_STATUS_BYTES = 1 << 18
_BACKGROUND, _BALL = 210, 70


class StationDouble:
    """A station as the page sees it.

    Args:
        config: the station file that the page reads, too.
        contract: of its model.
        session: id of this life.

    Attributes:
        moving: the belt runs, so pictures come.
        day: what acts have made of it; `acts` those that were carried out, oldest first.
        wanted: somebody has looked at a camera within the last seconds.
    """

    def __init__(self, config: StationConfig, contract: ModelContract, session: str = "s-1") -> None:
        self._config = config
        self._contract = contract
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._inbox: queue.SimpleQueue[ActAsked] = queue.SimpleQueue()
        self._shelf = RecipeShelf(config)
        self._recipe = self._shelf.load("")
        self._frames = 0
        self._last_frame_ns = 0
        self._changes: dict[str, Any] = {}
        self._plc: dict[str, Any] = {}
        self._camera: dict[str, Any] = {}
        self.session = session
        self.moving = True
        self.day = DayState()
        self.acts: list[Request] = []
        self.wanted = False
        self.pictures: dict[str, UInt8Array] = {}
        self.counts = {"triggers": 0}
        day_file = DayFile(config.storage.folder / "day.json", lambda: (self.day, 0), lambda: 1, self._fault)
        preparer = Preparer(config, contract, lambda: self.day, date.today)
        self._desk = Desk(
            desk_path(config.name), self._inbox.put, lambda *_: True, preparer, day_file, self._fault
        )
        self._thread = threading.Thread(target=self._run, name="station-double")

    @staticmethod
    def _fault(code: str, detail: str) -> None:
        raise AssertionError(f"{code}: {detail}")

    # -- what a test sets -------------------------------------------------------------------------

    def change(self, **fields: Any) -> None:
        """Fields of the status from now on."""
        with self._lock:
            self._changes |= fields

    def plc(self, **fields: Any) -> None:
        """Fields of what the PLC says from now on."""
        with self._lock:
            self._plc |= fields

    def camera(self, **fields: Any) -> None:
        """Fields of every camera's status from now on."""
        with self._lock:
            self._camera |= fields

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to show."""
        self._thread.start()
        self._desk.start()

    def close(self) -> None:
        """Stop; the mailboxes go, as those of a station that ends."""
        self._desk.close()
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        status = MailboxWriter(status_box_name(self._config.name), _STATUS_BYTES)
        boxes = {
            camera.name: MailboxWriter(picture_box_name(self._config.name, camera.name), 1 << 21)
            for camera in self._config.cameras
        }
        status_due = 0.0
        try:
            while not self._end.is_set():
                self._answer_acts()
                self.wanted = any(box.wanted for box in boxes.values())
                if self.moving:
                    self._take_pictures(boxes)
                if time.monotonic() >= status_due:
                    status_due = time.monotonic() + STATUS_S
                    status.write(self._status().model_dump_json().encode())
                self._end.wait(PICTURE_S)
        finally:
            for box in (status, *boxes.values()):
                box.close()

    def _answer_acts(self) -> None:
        while not self._inbox.empty():
            asked = self._inbox.get()
            if not asked.claim():
                continue
            request = asked.request
            try:
                if request.revision is not None and request.revision != self.day.revision:
                    last = self.acts[-1]
                    raise ActRefused("changed_meanwhile", {"by": last.by, "act": last.act.kind})
                facts = replace(self._facts(), choice=asked.choice, lot_on_file=asked.lot_on_file)
                self.day = apply(self.day, request.act, Who(request.by, request.role), facts)
                self.acts.append(request)
                asked.answer.put(ActDone(self.day, 0))
            except ActRefused as refused:
                asked.answer.put(refused)

    def _facts(self) -> Facts:
        return Facts(
            utc_ns=time.time_ns(),
            product=self._recipe.product,
            recipe_sha256=self._recipe.sha256(),
            challenge=self._config.challenge,
            labels=frozenset(self._contract.labels),
            holds=tuple(self._changes.get("holds", {})),
        )

    def _take_pictures(self, boxes: dict[str, MailboxWriter]) -> None:
        self._frames += 1
        self._last_frame_ns = time.monotonic_ns()
        for camera in self._config.cameras:
            box = boxes[camera.name]
            if box.wanted:
                width, height = camera.geometry.width_px, camera.geometry.height_px
                balls = drawn_balls(self._frames, width, height)
                pixels = self.pictures.get(camera.name)
                if pixels is None:
                    pixels = draw_frame(balls, width, height)
                picture = LivePicture(
                    camera.name,
                    width,
                    height,
                    1,
                    self._frames,
                    self._last_frame_ns,
                    time.time_ns(),
                    "ok",
                    balls,
                )
                box.write(pack_picture(picture), pixels.tobytes())

    def _status(self) -> StationStatus:
        recipe = self._recipe
        sizes = recipe.size
        with self._lock:
            facts: dict[str, Any] = {
                "station": self._config.name,
                "session": self.session,
                "version": "0.1.0",
                "started_utc_ns": time.time_ns(),
                "written_utc_ns": time.time_ns(),
                "written_mono_ns": time.monotonic_ns(),
                "ready": not self._changes.get("holds"),
                "holds": {},
                "day": self.day,
                "recipe": RecipeFacts(
                    name="recipe.yaml",
                    product=recipe.product,
                    sha256=recipe.sha256(),
                    d_nominal_mm=sizes.d_nominal_mm,
                    d_min_mm=sizes.d_min_mm,
                    d_max_mm=sizes.d_max_mm,
                    unverified=tuple(str(name) for name in recipe.unverified()),
                ),
                "model": ModelFacts(
                    name="ball", sha256="cd" * 32, provider="cpu", labels=self._contract.labels
                ),
                "cameras": tuple(self._camera_status(camera.name) for camera in self._config.cameras),
                "plc": PlcStatusFacts(
                    **{
                        "connected": True,
                        "trusted": True,
                        "belt_running": self.moving,
                        "epoch": 7,
                        "last_read_mono_ns": time.monotonic_ns(),
                        **self._plc,
                    }
                ),
                "counts": self.counts,
                "in_zone": 3,
                "loop_ms_p50": 14.0,
                "loop_ms_p99": 31.0,
            }
            return StationStatus(**(facts | self._changes))

    def _camera_status(self, name: str) -> CameraStatus:
        facts = {
            "fault": "ok",
            "frames": self._frames,
            "last_frame_mono_ns": self._last_frame_ns,
            "background": 204.0,
            "reference_background": 210.0,
            "background_min": 150.0,
            "focus_px": 2.1,
            "focus_max_px": 4.0,
            "shift_px": 0.3,
            "shift_max_px": 3.0,
        }
        return CameraStatus(**({"name": name} | facts | self._camera))


def drawn_balls(frame: int, width_px: int, height_px: int) -> tuple[DrawnBall, ...]:
    """Two balls on their way through the picture: one judged and rejected for a crack, one open."""
    radius = height_px / 3.0
    first = (frame * 8.0) % (width_px * 0.6) + radius
    balls = []
    for index, state in enumerate(("reject", "open")):
        x, y = first + index * 3.0 * radius, height_px / 2.0
        crack = DrawnFinding("crack", 0.83, (x - 20.0, y - 30.0, x + 12.0, y + 24.0))
        balls.append(
            DrawnBall(
                f"7-0-{frame + index}",
                (x - radius, y - radius, x + radius, y + radius),
                state,
                "crack" if state == "reject" else "",
                41.53 if state == "reject" else None,
                (crack,) if state == "reject" else (),
            )
        )
    return tuple(balls)


def draw_frame(balls: tuple[DrawnBall, ...], width_px: int, height_px: int) -> UInt8Array:
    """A backlit picture of the balls."""
    image = np.full((height_px, width_px), _BACKGROUND, np.uint8)
    for ball in balls:
        x0, y0, x1, y1 = ball.xyxy_px
        centre = (round((x0 + x1) / 2), round((y0 + y1) / 2))
        cv2.circle(image, centre, round((x1 - x0) / 2), _BALL, -1, cv2.LINE_AA)
    return image


@contextmanager
def station_double(config: StationConfig, session: str = "s-1") -> Iterator[StationDouble]:
    """One that shows itself until the block is left."""
    model = read_model(config.detector.model)
    double = StationDouble(config, Detector(model.data, model.name).contract, session)
    double.start()
    try:
        yield double
    finally:
        double.close()
