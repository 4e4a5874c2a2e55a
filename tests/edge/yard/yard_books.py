"""Books of a yard to test with: a rail of 3 m as the station hands it over, graded by the shipped recipe."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import sqlalchemy as sa

from edge_runtime.day.rules import Who
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.yard.acts import SignedAct
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.second_look import LookRule
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_changes import parse_change
from edge_runtime.yard.store_grading import RecipeGrading
from edge_runtime.yard.store_types import NewRail, RailView, StripPart, parse_wagon
from edge_runtime.yard.tables import YardActRow
from vision.rail_map.types import MapBox, MapCamera, MapFinding, RailEnd, RailMap, Unseen

AIGUL = Who("Әйгүл", "inspector")
BORIS = Who("Boris", "foreman")
OPERATOR = Who("Olga", "operator")
DATA = Who("Dana", "data")
MODEL = "ab" * 32
UTC_NS = 1_800_000_000_000_000_000  # 2027-01-15 08:00 UTC
GRADING = RecipeGrading(load_yard_recipe())
ROWS, WIDTH, ROW_MM = 6000, 120, 0.5
#: strips are shown without this many columns of the camera's left
LEFT_PX = 10
#: id, label, score, box: one alone, one of dirt, one that a picture's border would cut
MARKS = (
    ("f1", "defect", 0.9, (30.0, 500.0, 60.0, 540.0)),
    ("f2", "defect", 0.6, (40.0, 1000.0, 70.0, 1044.0)),
    ("f3", "dirt", 0.7, (20.0, 2000.0, 90.0, 2100.0)),
)
GAP = (5000.0, 5200.0)
WAGON: dict[str, Any] = {
    "receiver": "Ball plant",
    "supplier": "ТОО «Темір»",
    "deliverer": "Б. Серіков",
    "contract": "17/26",
    "vehicle": "52641187",
    "scrap_class": "3A",
    "gross_kg": 82_300.0,
    "tare_kg": 23_100.0,
    "contamination_percent": 1.5,
    "radiation": {"number": "R-118", "issued_on": "2027-01-14", "issued_by": "lab"},
    "explosion": {"number": "E-7"},
}
CLEAR = {"closed_vessel": "clear", "radiation": "clear", "wrong_steel": "clear", "weld": "clear"}


class Clock:
    """A wall clock that a test sets; every reading is a second later."""

    def __init__(self, utc_ns: int = UTC_NS) -> None:
        self.utc_ns = utc_ns

    def __call__(self) -> int:
        self.utc_ns += 1_000_000_000
        return self.utc_ns


def rail_map(name: str = "rail-1", *, marks: Any = MARKS, gap: Any = GAP) -> RailMap:
    """A rail of one camera, 0.5 mm a row and a column, from row 0 to `ROWS`."""
    return RailMap(
        rail=name,
        rows=ROWS,
        row_mm=ROW_MM,
        start=RailEnd(row=0.0, seen=True),
        end=RailEnd(row=float(ROWS), seen=True),
        length_m=ROWS * ROW_MM / 1000.0,
        length_is_least=False,
        cameras=(
            MapCamera(name="top", element="head", inspected=True, width_px=WIDTH, mm_per_px=ROW_MM, frames=6),
        ),
        findings=tuple(_finding(*mark) for mark in marks),
        unseen=()
        if gap is None
        else (
            Unseen(
                camera="top",
                first_row=gap[0],
                last_row=gap[1],
                start_m=gap[0] * ROW_MM / 1000.0,
                end_m=gap[1] * ROW_MM / 1000.0,
                cause="missing_frame",
                frames="6",
            ),
        ),
        thresholds={"defect": 0.4, "dirt": 0.4, "gap": 0.4},
        model_sha256=MODEL,
    )


def _finding(name: str, label: str, score: float, box: tuple[float, float, float, float]) -> MapFinding:
    return MapFinding(
        id=name,
        label=label,
        score=score,
        element="head",
        first_row=box[1],
        last_row=box[3],
        start_m=box[1] * ROW_MM / 1000.0,
        end_m=box[3] * ROW_MM / 1000.0,
        length_mm=(box[3] - box[1]) * ROW_MM,
        across_mm=(box[0] - 12.0) * ROW_MM,
        width_mm=(box[2] - box[0]) * ROW_MM,
        boxes=(MapBox(camera="top", xyxy_px=box, score=score, files=("top_0.png",)),),
    )


def new_rail(name: str = "rail-1", **other: Any) -> NewRail:
    """The rail as the station hands it over; its strip lies in two pictures."""
    facts: dict[str, Any] = {
        "rail_map": rail_map(name),
        "folder": f"rails/{name}",
        "strips": (
            StripPart(camera="top", first_row=0, rows=4096, file="strips/0_0000.png", left_px=LEFT_PX),
            StripPart(camera="top", first_row=4096, rows=1904, file="strips/0_0001.png", left_px=LEFT_PX),
        ),
        "scanned_utc_ns": UTC_NS,
    }
    return NewRail(name=name, **(facts | other))


def write_strips(storage: Path, new: NewRail) -> None:
    """Pictures in which a pixel says which strip column and row it is of."""
    for part in new.strips:
        path = storage / new.folder / part.file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels(part.first_row, part.first_row + part.rows, part.left_px))


def pixels(first: int, last: int, left: int) -> Any:
    """Grey of strip rows [first, last), columns from `left` on; no two stretches look alike."""
    grey = np.random.default_rng(5).integers(0, 256, (ROWS, WIDTH), dtype=np.uint8)
    return grey[first:last, left:]


def photo_set(name: str = "wagon photos") -> NewRail:
    """Two photos of other sizes; the detector saw something in the first."""
    cameras = tuple(
        MapCamera(name=file, element="head", inspected=True, width_px=width, mm_per_px=None, frames=1)
        for file, width in (("a.png", 200), ("b.png", 160))
    )
    box = (50.0, 20.0, 90.0, 60.0)
    found = MapFinding.model_validate(
        {
            **_finding("f1", "dirt", 0.5, box).model_dump(),
            **dict.fromkeys(("start_m", "end_m", "length_mm", "across_mm", "width_mm")),
            "boxes": (MapBox(camera="a.png", xyxy_px=box, score=0.5, files=("a.png",)),),
        }
    )
    shown = rail_map(name, marks=(), gap=None).model_copy(
        update={
            "rows": 150,
            "row_mm": None,
            "length_m": None,
            "start": RailEnd(row=0.0, seen=False),
            "end": RailEnd(row=150.0, seen=False),
            "cameras": cameras,
            "findings": (found,),
        }
    )
    parts = tuple(
        StripPart(camera=file, first_row=0, rows=rows, file=file)
        for file, rows in (("a.png", 150), ("b.png", 120))
    )
    return NewRail(name, shown, f"photos/{name}", parts, UTC_NS, kind="photos")


@functools.cache
def _new_ledger() -> bytes:
    """A ledger with its tables; made once, for the way through all migrations takes its time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        engine = open_ledger(f"sqlite:///{path}")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return path.read_bytes()


def address(storage: Path) -> str:
    """Of the books of a storage folder; tests on another database put one of their own in its place."""
    if not (storage / "ledger.sqlite").exists():
        (storage / "ledger.sqlite").write_bytes(_new_ledger())
    return ledger_url(storage)


def open_store(storage: Path, *, share: float = 0.0, clock: Clock | None = None) -> YardStore:
    """Books of a storage folder, by UTC."""
    return YardStore.open(
        storage,
        address(storage),
        GRADING,
        LookRule(share=share, stretch_rows=512),
        utc_ns=clock or Clock(),
        zone=UTC,
    )


def say(store: YardStore, rail_id: int, who: Who = AIGUL, **change: Any) -> RailView:
    """Correct a rail as it stands."""
    return store.correct(rail_id, parse_change(change), who, seen_revision=store.rail(rail_id).revision)


def ready_wagon(store: YardStore, *names: str, who: Who = AIGUL) -> int:
    """A wagon of which all is typed, with rails that are decided on."""
    wagon_id = store.add_wagon(parse_wagon(WAGON), who)
    for name in names or ("rail-1",):
        rail_id = store.add_rail(new_rail(name, wagon_id=wagon_id))
        say(store, rail_id, who, kind="override_grade", grade="downgraded", reason="seen by eye")
    return wagon_id


def sign(store: YardStore, wagon: int, who: Who = AIGUL, **said: Any) -> SignedAct:
    """Sign the act of a wagon as it stands; `said`: supersedes and reason."""
    return store.sign_act(wagon, who, seen_sha256=store.draft_act(wagon, **said).sha256, **said)


def age(store: YardStore, act: SignedAct) -> str:
    """Make a signed act one of an older version, which kept less and called things otherwise; its hash."""
    with store.engine.begin() as connection:
        row = connection.execute(
            sa.select(YardActRow.content).where(YardActRow.year == act.year)
        ).scalar_one()
        for rail in row["rails"]:
            del rail["notes"]
            if rail["facts_by"]:
                del rail["facts_by"]["scan_file"]
            for stretch in rail["unseen"]:
                stretch["detail"] = "no frame shows it"
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        connection.exec_driver_sql("DROP TRIGGER yard_act_no_update")
        connection.execute(sa.update(YardActRow).values(content=row, sha256=sha256))
    return sha256


def at(year: int, month: int, day: int, hour: int = 12) -> int:
    """A wall-clock time in UTC, nanoseconds."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000_000
