"""What grading takes and gives: findings as people left them, what was typed, the grade with its cut list.

Neighbours: `vision.rail_map.types` is what the cameras saw, `vision.yard.recipe` says what counts,
`vision.yard.grade` grades, `vision.yard.cut_list` places the cuts. All are frozen, and go to JSON and back.
Metres count from the rail's start. A figure that is not known is None, never 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vision.rail_map.types import Element, Frozen, MapBox, Row

Section = Literal["R43", "R50", "R65", "R75", "60E1"]
Origin = Literal["model", "inspector"]
#: what a person has said of a finding
FindingState = Literal["unconfirmed", "confirmed", "corrected", "added", "dismissed"]
#: what an inspector types of a row that vision does not see; `None` in a table: nobody has filled it
FactWord = Literal["clear", "found", "not_checked"]
#: what a class of finding does, mildest first
Action = Literal["leave", "downgrade", "cut", "human", "reject"]
GradeWord = Literal["feed", "feed_with_cuts", "downgraded", "human", "rejected"]
SeenBy = Literal["model", "inspector", "not_seen"]
CutReason = Literal["finding", "rail_end", "unseen", "remainder"]


class YardFinding(Frozen):
    """A finding as it stands after the inspector's corrections.

    `kind` is a class of the recipe's catalogue (`spall`, `weld`, `bolt_hole` ...); of a finding of the model
    it is the recipe's for its label until a person says which. `score` None: a person added it.
    """

    id: str
    label: str
    kind: str
    element: Element
    origin: Origin
    state: FindingState
    score: Annotated[float, Field(ge=0.0, le=1.0)] | None
    first_row: Row
    last_row: Row
    start_m: float | None
    end_m: float | None
    length_mm: float | None
    across_mm: float | None
    width_mm: float | None
    boxes: tuple[MapBox, ...] = ()
    note: str = ""


class TypedFacts(Frozen):
    """What the inspector types of one rail; vision infers none of it.

    `rows`: by name of the recipe's typed rows (`closed_vessel`, `wrong_steel`, `weld` ...).
    `length_m` stands in where the cameras did not measure it.
    """

    section: Section | None = None
    rows: dict[str, FactWord] = Field(default_factory=dict)
    length_m: Annotated[float, Field(gt=0.0, le=150.0)] | None = None
    wear_mm: Annotated[float, Field(ge=0.0, le=40.0)] | None = None
    note: str = ""


class GradeReason(Frozen):
    """One reason of a grade: a code of the catalogue of words, figures for it, the finding it is of."""

    code: str
    action: Action
    values: dict[str, str | float | int | None] = Field(default_factory=dict)
    finding: str = ""


class CoverageRow(Frozen):
    """One row of the coverage table: a code of a defect catalogue, and by whom it was looked for.

    `ru`, `uic`: codes of the Russian/KTZ and UIC 712 catalogues, '' where there is none. `found`: how many.
    `fact`: what was typed, of rows that a person fills.
    """

    kind: str
    ru: str
    uic: str
    seen_by: SeenBy
    found: int
    fact: FactWord | None = None
    required: bool = False


class Cut(Frozen):
    """A stretch that is taken out, metres from the rail's start, and why."""

    start_m: float
    end_m: float
    reason: CutReason
    findings: tuple[str, ...] = ()


class Piece(Frozen):
    """A charge for the furnace."""

    start_m: float
    end_m: float
    downgraded: bool = False


class CutList(Frozen):
    """Where to saw. Cuts, pieces and kerfs make up the whole length. `kerf_mm`: lost with each saw cut.

    `saw_cuts_m`: where each kerf begins; `length_m` is the rail's, rounded down to a whole millimetre.
    """

    cuts: tuple[Cut, ...]
    pieces: tuple[Piece, ...]
    kerf_mm: float
    length_m: float
    usable_m: float
    lost_m: float
    saw_cuts_m: tuple[float, ...] = ()

    @property
    def yield_share(self) -> float:
        """Usable length over the whole, 0..1."""
        return self.usable_m / self.length_m if self.length_m else 0.0


class RailGrade(Frozen):
    """The grade of one rail, with everything that it rests on.

    `unseen_m` counts stretches that no healthy picture of an inspected camera covers, None without a scale.
    `usable_mass_kg` needs the typed section; money needs a price in the recipe. `kg_per_m`: of the section,
    less the typed wear. `ball_mass_kg`: good balls to be expected of the usable mass. Of a rejected rail
    nothing is usable; its cut list says what sawing would give should a person overrule the grade.
    """

    schema_version: Literal[1] = 1
    grade: GradeWord
    reasons: tuple[GradeReason, ...]
    coverage: tuple[CoverageRow, ...]
    not_inspected: tuple[str, ...] = Field(description="words of the catalogue: what vision did not look at")
    cut_list: CutList | None
    unseen_m: float | None
    length_m: float | None
    usable_length_m: float | None
    mass_kg: float | None
    usable_mass_kg: float | None
    yield_share: float | None
    value: float | None = Field(description="of the usable mass as balls, in the recipe's currency")
    kg_per_m: float | None = None
    ball_mass_kg: float | None = None
    currency: str = ""
    recipe_sha256: str = ""
    unverified: tuple[str, ...] = ()
