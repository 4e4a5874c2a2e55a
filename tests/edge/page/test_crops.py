"""Where a stored picture lay in its frame: as the part tracker cuts it, and said only where it is sure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from edge_runtime.config import StationConfig
from edge_runtime.encoder import wrap
from edge_runtime.entries import FindingRow, ViewRow
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.rejects import part_in_full
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.page.context import PageContext
from edge_runtime.page.crops import crop_of, crops_of_part, on_picture
from edge_runtime.parts import PartTracker
from edge_runtime.plc.records import TriggerRecord
from tests.edge.core_rig import CAMERA, LINE, station
from tests.edge.ledger_samples import epoch, outcome, part, placed, session
from vision.types import Frame, PartId

SHAPE = (CAMERA.geometry.height_px, CAMERA.geometry.width_px)
NAME = "2027-01-15/08/1-0-1_left_0.jpg"


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("begin", [0, 65_000, 40_001])  # the counter wraps between trigger and exposure, too
@pytest.mark.parametrize("pulse", [318, 241, 399])
def test_the_region_is_the_one_that_the_part_tracker_cuts(direction: int, begin: int, pulse: int) -> None:
    geometry = CAMERA.geometry.model_copy(update={"direction": direction})
    camera = CAMERA.model_copy(update={"geometry": geometry})
    tracker = PartTracker((camera,), LINE, 40.0)
    every = camera.exposure.every_counts
    now = begin // every * every
    tracker.on_encoder(wrap(now))
    rising = now + 7
    tracker.on_trigger(TriggerRecord(1, 0, 1, wrap(rising), pulse))
    seen = 0
    for number in range(1, 12):
        count = now + number * every
        frame = Frame("left", number, wrap(count), number, None, 40.0, np.zeros(SHAPE, np.uint8))
        for _, _, view in tracker.on_frame(frame, 200.0):
            found = crop_of(station(camera), "left", 0, 40.0, wrap(rising), pulse, wrap(count))
            assert found == view.roi_xyxy_px
            seen += 1
    assert seen >= 3


def test_where_geometry_does_not_say() -> None:
    config = station()
    arguments = (0, 40.0, 0, 318, 1200)
    assert crop_of(config, "left", *arguments) is not None
    assert crop_of(config, "nobody", *arguments) is None
    assert crop_of(config, "left", 5, *arguments[1:]) is None
    assert crop_of(config, "left", 0, 40.0, 0, 318, 20_000) is None  # far behind the picture


def test_boxes_on_the_picture() -> None:
    assert on_picture((100, 20, 200, 120), (110.5, 30.0, 130.0, 40.0)) == [10.5, 10.0, 30.0, 20.0]
    assert on_picture(None, (110.5, 30.0, 130.0, 40.0)) is None


@pytest.fixture
def context(tmp_path: Path, make_context: Callable[..., PageContext]) -> PageContext:
    config: StationConfig = station(storage={"folder": str(tmp_path / "books")}, page={})
    return make_context(config)


@pytest.fixture
def ledger(context: PageContext) -> Iterator[sa.Engine]:
    engine = open_ledger(ledger_url(context.storage))
    yield engine
    engine.dispose()


def _book_a_part(context: PageContext, ledger: sa.Engine, size: tuple[int, int] | None) -> Any:
    """A part with one view; its picture is of this width and height."""
    crack = FindingRow("crack", 0.75, (300.0, 90.0, 320.0, 110.0))
    view = ViewRow("left", 0, 100, 1600, 9000, "ok", findings=(crack,))
    judged = part(
        1,
        trigger_encoder_count=0,
        decision="reject",
        views=(view,),
        views_due=1,
        utc_ns=context.station_file.stat().st_mtime_ns + 1,  # type: ignore[union-attr]
    )
    recipe = {"size": {"nominal_mm": {"value": 40.0}}}
    begun = session()
    object.__setattr__(begun, "recipe", recipe)
    picture = PictureRecord(PartId(1, 0, 1), "left", 0, "reject", f"pictures/{NAME}", 9, 1)
    Applier(ledger).apply(placed([begun, epoch(), judged, outcome(1, verdict="reject")]), pictures=[picture])
    if size is not None:
        place = context.storage / "pictures" / NAME
        place.parent.mkdir(parents=True)
        assert cv2.imwrite(str(place), np.full((size[1], size[0]), 90, np.uint8))
    with reading(ledger) as connection:
        found = part_in_full(connection, 1)
        assert found is not None
        return crops_of_part(context, connection, found)


def _expected() -> tuple[int, int, int, int]:
    box = crop_of(station(), "left", 0, 40.0, 0, 318, 1600)
    assert box is not None
    return box


def test_a_picture_of_the_very_size_is_believed(context: PageContext, ledger: sa.Engine) -> None:
    box = _expected()
    assert _book_a_part(context, ledger, (box[2] - box[0], box[3] - box[1])) == {("left", 0): box}


@pytest.mark.parametrize("size", [(100, 100), None])
def test_a_picture_of_another_size_or_none_is_not(
    size: tuple[int, int] | None, context: PageContext, ledger: sa.Engine
) -> None:
    assert _book_a_part(context, ledger, size) == {}


def test_a_part_older_than_the_station_file_is_not(context: PageContext, ledger: sa.Engine) -> None:
    box = _expected()
    assert context.station_file is not None
    size = (box[2] - box[0], box[3] - box[1])
    assert _book_a_part(context, ledger, size)
    os.utime(context.station_file, ns=(1 << 61, 1 << 61))  # commissioned anew since
    with reading(ledger) as connection:
        found = part_in_full(connection, 1)
        assert found is not None
        assert crops_of_part(context, connection, found) == {}
