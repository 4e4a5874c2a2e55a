"""Picture files and the ring they come through: headers, budget, full disk, restarts of the station."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.ledger.picture_feed import FeedBatch, PictureFeed
from edge_runtime.ledger.pictures import Crop, PictureStore, crop_from_ring
from edge_runtime.shm_ring import RingWriter
from vision.types import PartId

UTC_NS = 1_790_000_000_000_000_000  # 2026-09-21 14:13:20 UTC
HOUR_NS = 3_600_000_000_000


def _image(seed: int = 1, size: int = 64) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (size, size), dtype=np.uint8)


def _crop(seq: int, *, utc_ns: int = UTC_NS, size: int = 64) -> Crop:
    return Crop(PartId(1, 0, seq), "left", 0, "reject", utc_ns, _image(seq, size))


def _header(**other: object) -> dict[str, object]:
    header: dict[str, object] = {
        "part": "12-0-4711",
        "camera": "left",
        "view_index": 2,
        "height": 64,
        "width": 64,
        "channels": 1,
        "utc_ns": UTC_NS,
        "kind": "reject",
    }
    return header | other


@pytest.fixture
def ring() -> Iterator[RingWriter]:
    writer = RingWriter(f"fg-test-{os.getpid()}-pictures", slots=8, payload_bytes=64 * 64)
    yield writer
    writer.close()


def test_crop_becomes_a_file_in_the_folder_of_its_hour(tmp_path: Path) -> None:
    store = PictureStore(tmp_path, 10)
    crop = crop_from_ring(_header(), _image().reshape(-1))
    record = store.store(crop)
    assert record is not None
    assert record.path == "pictures/2026-09-21/14/12-0-4711_left_2.jpg"
    assert (record.part_id, record.kind, record.view_index) == (PartId(12, 0, 4711), "reject", 2)
    path = tmp_path / record.path
    assert path.stat().st_size == record.file_bytes == store.used_bytes
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (64, 64)
    assert [path.name for path in path.parent.iterdir()] == ["12-0-4711_left_2.jpg"]


def test_colour_crop_keeps_its_three_channels(tmp_path: Path) -> None:
    image = np.zeros((32, 48, 3), np.uint8)
    image[..., 2] = 200
    record = PictureStore(tmp_path, 10).store(
        crop_from_ring(_header(height=32, width=48, channels=3), image.reshape(-1))
    )
    assert record is not None
    picture = cv2.imread(str(tmp_path / record.path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (32, 48, 3)
    assert abs(int(picture[16, 24, 2]) - 200) < 5
    assert int(picture[16, 24, 0]) < 5


@pytest.mark.parametrize(
    "other",
    [
        {"part": "../../etc-0-1"},  # no part's name, and no way out of the folder
        {"part": None},
        {"camera": "../left"},
        {"camera": ""},
        {"kind": "souvenir"},
        {"height": 65},  # does not fit the pixels
        {"height": 0, "width": 0},
        {"height": -64, "width": -64},
        {"channels": 2, "width": 32},
        {"view_index": "0"},
        {"utc_ns": 1.5},
    ],
)
def test_header_that_is_not_the_station_s_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="picture"):
        crop_from_ring(_header(**other), _image().reshape(-1))


def test_budget_removes_the_oldest_hours_first_and_says_which(tmp_path: Path) -> None:
    store = PictureStore(tmp_path, 0.05)
    records = [store.store(_crop(seq, utc_ns=UTC_NS + (seq // 4) * HOUR_NS)) for seq in range(40)]
    paths = [record.path for record in records if record]
    removed = store.take_removed()
    assert len(paths) == 40
    assert removed
    assert set(removed) == set(paths[: len(removed)]), "the oldest, and no others"
    assert store.take_removed() == []
    left = [path for path in store.folder.rglob("*") if path.is_file()]
    assert store.used_bytes == sum(path.stat().st_size for path in left) <= 0.05 * (1 << 20)
    assert {str(path.relative_to(tmp_path)) for path in left} == set(paths[len(removed) :])
    hours = {path.parent for path in left}
    assert set(store.folder.glob("*/*")) == hours, "emptied folders are gone"


def test_budget_smaller_than_one_picture_keeps_the_newest(tmp_path: Path) -> None:
    store = PictureStore(tmp_path, 0.001)
    for seq in range(3):
        assert store.store(_crop(seq)) is not None
    assert [path.name for path in store.folder.rglob("*.jpg")] == ["1-0-2_left_0.jpg"]


def test_the_same_view_again_replaces_its_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path, 10)
    store.store(_crop(1))
    store.store(_crop(1))
    assert store.used_bytes == sum(path.stat().st_size for path in store.folder.rglob("*.jpg"))


def test_a_new_store_counts_what_is_there_and_clears_what_was_half_written(tmp_path: Path) -> None:
    first = PictureStore(tmp_path, 10)
    first.store(_crop(1))
    half = next(first.folder.rglob("*.jpg")).with_name(".1-0-2_left_0.jpg.part")
    half.write_bytes(b"half")
    assert PictureStore(tmp_path, 10).used_bytes == first.used_bytes
    assert not half.exists()


def test_nearly_full_disk_stops_pictures_and_counts_them(tmp_path: Path) -> None:
    free = [65 << 20]
    store = PictureStore(tmp_path, 10, reserve_mb=64, free_bytes=lambda _: free[0])
    assert store.store(_crop(1)) is not None
    free[0] = 63 << 20
    assert store.store(_crop(2)) is None
    assert store.store(_crop(3)) is None
    assert store.take_losses() == Counter(disk_full=2)
    free[0] = 65 << 20
    assert store.store(_crop(4)) is not None
    assert store.take_losses() == Counter()


def test_picture_that_cannot_be_written_is_counted_and_leaves_nothing(tmp_path: Path) -> None:
    store = PictureStore(tmp_path, 10)
    (store.folder / "2026-09-21").write_text("a file where the day's folder belongs")
    assert store.store(_crop(1)) is None
    (cause,) = store.take_losses()
    assert cause.startswith("write_error")
    assert store.used_bytes == 0


def _feed(ring: RingWriter, store: PictureStore, **options: Any) -> PictureFeed:
    return PictureFeed(ring.name, store, **options)


def _write(ring: RingWriter, seqs: range) -> None:
    for seq in seqs:
        ring.write(_header(part=f"1-0-{seq}"), _image(seq))


def _names(batch: FeedBatch) -> list[int]:
    return [record.part_id.trigger_seq for record in batch.pictures]


def test_feed_takes_what_is_in_the_ring_and_goes_on_where_it_stopped(
    tmp_path: Path, ring: RingWriter
) -> None:
    store = PictureStore(tmp_path, 10)
    _write(ring, range(1, 4))
    first = _feed(ring, store)
    first.start()
    first.stop()
    batch = first.take()
    assert _names(batch) == [1, 2, 3]
    assert batch.ring is not None
    assert batch.ring[1] == 3
    assert first.take().empty
    _write(ring, range(4, 6))
    second = _feed(ring, store, resume=batch.ring)
    second.start()
    second.stop()
    assert _names(second.take()) == [4, 5]


def test_feed_counts_what_the_ring_overran_and_what_is_no_picture(tmp_path: Path, ring: RingWriter) -> None:
    _write(ring, range(1, 21))
    ring.write(_header(kind="souvenir"), _image())
    feed = _feed(ring, PictureStore(tmp_path, 10))
    feed.start()
    feed.stop()
    batch = feed.take()
    assert batch.losses["bad_entry"] == 1
    assert batch.losses["ring_overrun"] + len(batch.pictures) == 20
    assert _names(batch)[-1] == 20


def test_feed_follows_a_station_that_starts_again(tmp_path: Path) -> None:
    """A killed station leaves its ring behind; the next one puts a new ring in its place."""
    name = f"fg-test-{os.getpid()}-again"
    arrived = threading.Event()

    class Watched(PictureStore):
        def store(self, crop: Crop) -> Any:
            record = super().store(crop)
            arrived.set()
            return record

    store = Watched(tmp_path, 10)
    feed = PictureFeed(name, store)
    feed.start()
    got: list[int] = []
    rings = []
    for life in (100, 200):
        ring = RingWriter(name, slots=8, payload_bytes=64 * 64)
        rings.append(ring)
        arrived.clear()
        _write(ring, range(life, life + 3))
        assert arrived.wait(20.0)
    feed.stop()
    got += _names(feed.take())
    for ring in rings:
        ring.close()
    assert got == [100, 101, 102, 200, 201, 202]
