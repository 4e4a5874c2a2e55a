"""What goes into the yard's books and comes out: rails, corrections, decisions, wagons, second looks.

Neighbours: `store_changes` is what people ask for, `corrections` replays, `store` keeps, `acts` signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, ValidationError, model_validator

from edge_runtime.day.rules import Who
from edge_runtime.yard.act_content import ActCertificate, ActNames, MassKg, VehicleKind
from edge_runtime.yard.store_text import Line, Text, bad_value, plain_line
from vision.rail_map.types import Frozen, RailMap
from vision.yard.types import GradeWord, RailGrade, TypedFacts, YardFinding

#: who says what stands in a scan's sheet; no account can have this role
SCAN_FILE = Who("scan file", "scan_file")
RailKind = Literal["rail", "photos"]
LookAnswer = Literal["clear", "missed"]


class StripPart(Frozen):
    """One picture of a camera's strip: its rows of the map, and its file below the rail's folder.

    `left_px`: strip column of the picture's first one. `gain`: times that it is brighter than the frames.
    """

    camera: Annotated[str, Field(min_length=1)]
    first_row: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1)]
    file: Annotated[str, Field(min_length=1)]
    left_px: Annotated[int, Field(ge=0)] = 0
    gain: Annotated[float, Field(gt=0.0)] = 1.0


@dataclass(frozen=True, slots=True)
class NewRail:
    """A rail, or a set of photos, as the station hands it over.

    Attributes:
        name: of the scan; never given twice.
        folder: of its files, relative to the storage folder, with slashes.
        scan: where it came from, in words.
        facts: what somebody wrote into the scan's sheet; kept as typed by `SCAN_FILE`, never by a person.
    """

    name: str
    rail_map: RailMap
    folder: str
    strips: tuple[StripPart, ...]
    scanned_utc_ns: int
    kind: RailKind = "rail"
    wagon_id: int | None = None
    scan: str = ""
    facts: TypedFacts | None = None


class Grading(Protocol):
    """A yard recipe at work, as the books use it."""

    @property
    def recipe_sha256(self) -> str:
        """Hash of the recipe."""

    @property
    def kinds(self) -> frozenset[str]:
        """Classes that a finding can be of."""

    @property
    def typed_rows(self) -> frozenset[str]:
        """Rows that an inspector types."""

    def label_of(self, kind: str) -> str:
        """The detector's label that a class belongs to; the class itself where the detector has none."""

    def findings_of(self, rail_map: RailMap) -> tuple[YardFinding, ...]:
        """The findings of a map before anybody has said something of them."""

    def grade(
        self, kind: RailKind, rail_map: RailMap, findings: Sequence[YardFinding], facts: TypedFacts
    ) -> RailGrade:
        """The grade of a rail, or of a set of photos."""

    def kind_names(self) -> dict[str, ActNames]:
        """Words for every class, for the act."""

    def row_names(self) -> dict[str, ActNames]:
        """Words for every typed row, for the act."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One change that was written down; never changed itself.

    Attributes:
        number: within its rail, from 1; the rail's revision after it.
        finding: id of the finding it is about, '' for none.
        before, after: the finding, the facts or the grade as plain values; None where there was nothing.
        asked: the change as it was asked for.
    """

    number: int
    kind: str
    finding: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    by: str
    role: str
    utc_ns: int
    asked: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person made of a rail's grade; `holds` False: the grade or its reasons changed after it."""

    kind: Literal["confirmed", "overridden"]
    grade: GradeWord
    reason: str
    by: str
    role: str
    utc_ns: int
    number: int
    holds: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of one camera's strip that a person has gone through."""

    camera: str
    first_row: float
    last_row: float
    by: str
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Look:
    """A stretch without a finding, drawn for a second look; `answer` None while nobody has looked."""

    look_id: int
    rail_id: int
    rail: str
    camera: str
    first_row: int
    last_row: int
    answer: LookAnswer | None
    by: str
    note: str
    utc_ns: int | None


@dataclass(frozen=True, slots=True)
class RailLine:
    """One rail in a list. `finished`: a decision holds, and it is not `human`."""

    rail_id: int
    name: str
    kind: RailKind
    wagon_id: int | None
    revision: int
    grade: GradeWord
    final_grade: GradeWord
    decided: bool
    finished: bool
    findings: int
    unconfirmed: int
    length_m: float | None
    unseen_m: float | None
    scanned_utc_ns: int


@dataclass(frozen=True, slots=True)
class RailView:
    """One rail with all that is known of it."""

    rail_id: int
    name: str
    kind: RailKind
    wagon_id: int | None
    revision: int
    rail_map: RailMap
    originals: tuple[YardFinding, ...]
    findings: tuple[YardFinding, ...]
    facts: TypedFacts
    facts_by: Correction | None
    grade: RailGrade
    decision: Decision | None
    corrections: tuple[Correction, ...]
    folder: str
    strips: tuple[StripPart, ...]
    looks: tuple[Look, ...]
    reviewed: tuple[Stretch, ...]
    scanned_utc_ns: int
    scan: str

    @property
    def final_grade(self) -> GradeWord:
        """That of the decision, where one holds."""
        held = self.decision is not None and self.decision.holds
        return self.decision.grade if held and self.decision is not None else self.grade.grade

    @property
    def decided(self) -> bool:
        """A person has confirmed or overridden the grade, and it still holds."""
        return self.decision is not None and self.decision.holds

    @property
    def finished(self) -> bool:
        """Nothing is left for a person to decide."""
        return self.decided and self.final_grade != "human"


class WagonFields(Frozen):
    """What is typed of a wagon, truck or lot; None or '' until somebody has. See `act_content.ActContent`."""

    receiver: Line = ""
    supplier: Line = ""
    deliverer: Line = ""
    contract: Line = ""
    vehicle_kind: VehicleKind = "wagon"
    vehicle: Line = ""
    scrap_class: Line = ""
    scrap_kind: Line = ""
    scrap_grade: Line = ""
    gross_kg: MassKg | None = None
    tare_kg: MassKg | None = None
    contamination_percent: Annotated[float, Field(ge=0.0, le=100.0)] | None = None
    radiation: ActCertificate | None = None
    explosion: ActCertificate | None = None
    foreign_items: Text = ""
    note: Text = ""
    arrived_utc_ns: Annotated[int, Field(ge=0, le=2**62)] | None = None

    @model_validator(mode="after")
    def _masses_fit(self) -> Self:
        if self.gross_kg is not None and self.tare_kg is not None and self.tare_kg >= self.gross_kg:
            raise ValueError(f"the tare of {self.tare_kg} kg is not below the gross of {self.gross_kg} kg")
        for name in ("radiation", "explosion"):
            certificate = getattr(self, name)
            if certificate is not None and not plain_line(certificate.number):
                raise ValueError(f"the {name} certificate has no number")
            if certificate is not None:
                plain_line(certificate.issued_by)
        return self


def parse_wagon(value: object) -> WagonFields:
    """A wagon's fields from plain values, such as the page's JSON.

    Raises:
        YardRefused: 'bad_value' with the field and why.
    """
    try:
        return WagonFields.model_validate(value)
    except ValidationError as error:
        raise bad_value(error) from error


@dataclass(frozen=True, slots=True)
class WagonView:
    """One wagon: its fields, rails, and the act that stands for it (year and number; None: not signed)."""

    wagon_id: int
    revision: int
    fields: WagonFields
    by: str
    utc_ns: int
    rails: int
    unfinished: int
    act: tuple[int, int] | None
