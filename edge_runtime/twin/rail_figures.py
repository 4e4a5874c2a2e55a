"""What the rail station said of the twin's rails, beside what is true.

The station is sound when every rail that went past is in its books or put aside with a reason, when it calls
no metre seen that no picture proves, and when it calls no rail clear: nobody has typed what vision cannot
see. Neighbours: `rail_demo` runs, `edge_runtime.yard.map_truth` pairs findings with marks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime.ledger.store import ledger_url
from edge_runtime.twin.rail_demo import RailDemo
from edge_runtime.twin.rail_scanner import TwinRailTruth
from edge_runtime.yard.map_folder import MapFolder, map_folders, read_map
from edge_runtime.yard.map_truth import TruthScore, score_rendered
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.scan_rendered import RenderedRail
from edge_runtime.yard.station_work import RAILS
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading

#: Grades that would let a rail go to the furnace.
_CLEAR = frozenset({"feed", "feed_with_cuts", "downgraded"})
#: A map may call so much less unseen than is true: it begins and ends a few rows off.
_UNSEEN_SLACK_M = 0.03


@dataclass(frozen=True, slots=True)
class RailDemoFigures:
    """Figures of one demo.

    Attributes:
        scanned: rails that went past. booked: in the books. aside: names of scans put aside.
        grades: how many rails of each grade.
        score: findings beside the truth; None where no rail was mapped.
        unseen_true_m: metres that no picture with a known place shows.
        overclaimed: rails whose map calls less unseen than that.
        cleared: rails of a grade that would feed them, which nobody was asked about.
    """

    scanned: int
    booked: int
    aside: tuple[str, ...]
    grades: dict[str, int]
    score: TruthScore | None
    unseen_true_m: float
    overclaimed: tuple[str, ...]
    cleared: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing was lost and nothing unproven was called clear."""
        return self.scanned == self.booked + len(self.aside) and not self.overclaimed and not self.cleared

    def to_json(self) -> dict[str, Any]:
        """All of it for programs; null: nothing to measure."""
        score = self.score
        return {
            "rails": self.scanned,
            "booked": self.booked,
            "aside": list(self.aside),
            "metres": 0.0 if score is None else round(score.metres, 4),
            "marks": 0 if score is None else score.marks,
            "found": 0 if score is None else score.found,
            "false_alarms": 0 if score is None else sum(label.false.count for label in score.labels),
            "unseen_m": 0.0 if score is None else round(score.unseen_m, 4),
            "unseen_true_m": round(self.unseen_true_m, 4),
            "grades": self.grades,
            "position_error_mm": None if score is None or score.place_mm is None else asdict(score.place_mm),
            "length_error_mm": None if score is None or score.length_mm is None else asdict(score.length_mm),
            "labels": {} if score is None else {label.label: asdict(label) for label in score.labels},
            "overclaimed": list(self.overclaimed),
            "cleared": list(self.cleared),
            "sound": self.sound,
        }


def collect_rails(demo: RailDemo) -> RailDemoFigures:
    """Read maps, books and truth of a run that has ended.

    Raises:
        MapFolderError, LedgerError: what the station wrote cannot be read.
    """
    truths = read_truths(demo.settings.truth)
    maps = [read_map(folder) for folder in map_folders(demo.storage / RAILS)]
    rails = [RenderedRail.model_validate(truth.rail.model_dump()) for truth in truths.values()]
    grades = _grades(demo.storage)
    aside = tuple(sorted(path.stem for path in (demo.storage / "aside").glob("*.json")))
    return RailDemoFigures(
        scanned=len(truths),
        booked=len(grades),
        aside=aside,
        grades=dict(Counter(grades.values())),
        score=score_rendered(maps, rails) if maps else None,
        unseen_true_m=sum(truths[one.map.rail].unseen_m for one in maps),
        overclaimed=tuple(one.map.rail for one in maps if overclaims(one, truths[one.map.rail])),
        cleared=tuple(name for name, grade in grades.items() if grade in _CLEAR),
    )


def read_truths(folder: Path) -> dict[str, TwinRailTruth]:
    """What is true about every rail that went past, by name."""
    found = [TwinRailTruth.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return {truth.rail.id: truth for truth in found}


def overclaims(one: MapFolder, truth: TwinRailTruth) -> bool:
    """The map takes rail for seen that no picture with a known place shows.

    A rail's end that no picture shows counts: the map must then call its length a least one, and what lies
    beyond is missing from it.
    """
    unseen_m = one.grade.unseen_m or 0.0
    length_m = one.map.length_m or 0.0
    claimed_m = length_m - min(unseen_m, length_m)
    return claimed_m > truth.rail.length_mm / 1000.0 - truth.unseen_m + _UNSEEN_SLACK_M


def _grades(storage: Path) -> dict[str, str]:
    """The grade of every rail in the books, by name."""
    store = YardStore.open(storage, ledger_url(storage), RecipeGrading(load_yard_recipe()))
    try:
        found: dict[str, str] = {}
        before = None
        while lines := store.rails(limit=200, before=before):
            found |= {line.name: line.grade for line in lines}
            before = min(line.rail_id for line in lines)
        return found
    finally:
        store.close()
