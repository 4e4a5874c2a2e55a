"""What an acceptance act says: the snapshot that is shown as a draft, signed, hashed and never changed.

One act is about one wagon, truck or lot of used rails. Nothing here is looked up again later: the grades,
findings, recipe and model are those of the moment it was signed. Fields that only a person can know are
None (or '') until somebody has typed them; `missing` names them, and a signed act has none missing.
Neighbours: `act_totals` counts it up, `act_document` draws it up as a report, the yard's books keep it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vision.rail_map.types import Frozen, Note, Unseen
from vision.recipe_parts import content_sha256
from vision.yard.types import GradeWord, RailGrade, TypedFacts, YardFinding

Line = Annotated[str, Field(max_length=400)]
Text = Annotated[str, Field(max_length=4000)]
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
MassKg = Annotated[float, Field(gt=0.0, le=1_000_000.0)]
VehicleKind = Literal["wagon", "truck", "lot"]
PictureKind = Literal["finding", "strip", "photo"]


def act_number(year: int, number: int) -> str:
    """An act's number as people write it: `12/2026`."""
    return f"{number}/{year}"


def standing(findings: tuple[YardFinding, ...]) -> tuple[YardFinding, ...]:
    """Those that nobody dismissed."""
    return tuple(finding for finding in findings if finding.state != "dismissed")


class ActCertificate(Frozen):
    """A certificate that came with the load, as its holder wrote it; vision says nothing of the matter."""

    number: Line = Field(min_length=1)
    issued_on: date | None = None
    issued_by: Line = ""


class ActPerson(Frozen):
    """Somebody with an account, and when they said so; `scan_file`: the scan's sheet said it, nobody else."""

    account: Line = Field(min_length=1)
    name: Line = ""
    utc_ns: int
    scan_file: bool = False

    @property
    def shown(self) -> str:
        """The name, else the account's."""
        return self.name or self.account


class ActDecision(Frozen):
    """What a person made of a rail's grade. An override needs a reason.

    Attributes:
        grade: that holds from then on; of a confirmation the one that grading gave.
    """

    kind: Literal["confirmed", "overridden"]
    grade: GradeWord
    by: ActPerson
    reason: Text = ""

    @model_validator(mode="after")
    def _reason_of_an_override(self) -> Self:
        if self.kind == "overridden" and not self.reason.strip():
            raise ValueError("an override needs a reason")
        return self


class ActPicture(Frozen):
    """A picture that belongs to the act: a file under the storage folder, and its hash.

    `rail` and `finding` are '' for what shows no single rail or finding.
    """

    kind: PictureKind
    path: Line = Field(min_length=1)
    sha256: Sha256 = ""
    rail: Line = ""
    finding: Line = ""
    note: Line = ""


class ActRail(Frozen):
    """One rail of the act.

    Attributes:
        grade: as the recipe graded it; `decision` says what a person made of it.
        length_is_least: an end was not seen, so the rail is at least so long.
        length_by: who measured `grade.length_m`.
        welds, bolt_holes, attachments: counted; None where nobody looked for them.
        findings: all of them, those that a person dismissed as well.
        notes: what was odd about the scan.
        model_sha256: '' where no model looked.
    """

    name: Line = Field(min_length=1)
    grade: RailGrade
    decision: ActDecision | None = None
    facts: TypedFacts = TypedFacts()
    facts_by: ActPerson | None = None
    length_is_least: bool = False
    length_by: Literal["cameras", "inspector"] | None = None
    welds: Annotated[int, Field(ge=0)] | None = None
    bolt_holes: Annotated[int, Field(ge=0)] | None = None
    attachments: Annotated[int, Field(ge=0)] | None = None
    findings: tuple[YardFinding, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    notes: tuple[Note, ...] = ()
    model_sha256: Sha256 = ""

    @property
    def final_grade(self) -> GradeWord:
        """That of the decision where there is one."""
        return self.grade.grade if self.decision is None else self.decision.grade

    @property
    def usable_length_m(self) -> float | None:
        """Of the charges, as the rail was decided on: 0 of a rejected one, None while a person must decide.

        Where a person took a rail that the recipe rejects, what its cut list would give.
        """
        if self._taken_anyway:
            return None if self.grade.cut_list is None else self.grade.cut_list.usable_m
        return self._decided(self.grade.usable_length_m)

    @property
    def usable_mass_kg(self) -> float | None:
        """Of the same charges."""
        if self._taken_anyway:
            length_m, metre_kg = self.usable_length_m, self.grade.kg_per_m
            return None if length_m is None or metre_kg is None else length_m * metre_kg
        return self._decided(self.grade.usable_mass_kg)

    @property
    def ball_mass_kg(self) -> float | None:
        """Good balls to be expected of them; None where a person took what the recipe rejects."""
        return None if self._taken_anyway else self._decided(self.grade.ball_mass_kg)

    @property
    def value(self) -> float | None:
        """Their value; None where a person took what the recipe rejects."""
        return None if self._taken_anyway else self._decided(self.grade.value)

    @property
    def _taken_anyway(self) -> bool:
        return self.grade.grade == "rejected" and self.final_grade not in ("rejected", "human")

    def _decided(self, figure: float | None) -> float | None:
        return {"rejected": 0.0, "human": None}.get(self.final_grade, figure)

    @property
    def standing(self) -> tuple[YardFinding, ...]:
        """Findings that nobody dismissed."""
        return standing(self.findings)


class ActPhotos(Frozen):
    """Pictures of a wagon or pile, searched without a scale.

    `pictures`: how many photos were searched. `findings`: all of them, none with a figure in mm. `grade`:
    what the recipe says of it, which is never more than that a person decides.
    """

    name: Line = Field(min_length=1)
    pictures: Annotated[int, Field(ge=1)]
    grade: RailGrade | None = None
    decision: ActDecision | None = None
    findings: tuple[YardFinding, ...] = ()
    notes: tuple[Note, ...] = ()
    model_sha256: Sha256 = ""

    @property
    def standing(self) -> tuple[YardFinding, ...]:
        """Findings that nobody dismissed."""
        return standing(self.findings)


class ActNames(Frozen):
    """What a plant's recipe calls a class of finding or a typed row."""

    ru: Line
    kk: Line
    en: Line


class ActContent(Frozen):
    """One acceptance act.

    Attributes:
        number: given when it is signed, from 1 in each year without gaps; None for a draft.
        supersedes, supersedes_year: the act it takes the place of, `supersedes_reason` why.
        act_date: its year is that of the number; set when it is signed.
        receiver, deliverer: who takes the load in (the plant) and the name of who hands it over.
        vehicle: number of the wagon, plate of the truck, or name of the lot.
        scrap_class, scrap_kind, scrap_grade: by the standard that the contract names, such as GOST 2787.
        contamination_percent: of the net mass, 0..100, typed.
        foreign_items: what else lay in the load; 'none' is a word like any other.
        kind_names, row_names: the recipe's words for its classes and typed rows at that time.
        made_utc_ns: when this content was drawn up.
        signed: the receiver, by account; None for a draft.
    """

    schema_version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)] | None = None
    supersedes: Annotated[int, Field(ge=1)] | None = None
    supersedes_year: Annotated[int, Field(ge=2000, le=9999)] | None = None
    supersedes_reason: Text = ""
    act_date: date | None = None
    made_utc_ns: int
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
    rails: tuple[ActRail, ...] = ()
    photos: tuple[ActPhotos, ...] = ()
    pictures: tuple[ActPicture, ...] = ()
    kind_names: dict[str, ActNames] = Field(default_factory=dict)
    row_names: dict[str, ActNames] = Field(default_factory=dict)
    signed: ActPerson | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.gross_kg is not None and self.tare_kg is not None and self.tare_kg >= self.gross_kg:
            raise ValueError(f"the tare of {self.tare_kg} kg is not below the gross of {self.gross_kg} kg")
        names = [rail.name for rail in self.rails]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the act names a rail twice: {', '.join(twice)}")
        if (self.number is None) != (self.signed is None):
            raise ValueError("an act has a number when it is signed, and only then")
        if (self.supersedes is None) != (self.supersedes_year is None):
            raise ValueError("the act that this one takes the place of needs number and year")
        if self.signed is not None and self.missing():
            raise ValueError(f"a signed act lacks: {', '.join(self.missing())}")
        if self.supersedes is not None and self.supersedes_year is not None and self.act_date is not None:
            before = (self.supersedes_year, self.supersedes)
            if self.number is not None and before >= (self.act_date.year, self.number):
                raise ValueError(f"act {self.shown_number} is not later than {act_number(*before)}")
        return self

    @property
    def shown_number(self) -> str:
        """Number and year as in `12/2026`; '' for a draft."""
        return (
            ""
            if self.number is None or self.act_date is None
            else act_number(self.act_date.year, self.number)
        )

    @property
    def shown_supersedes(self) -> str:
        """The same of the act it takes the place of; '' where there is none."""
        if self.supersedes is None or self.supersedes_year is None:
            return ""
        return act_number(self.supersedes_year, self.supersedes)

    @property
    def graded(self) -> tuple[tuple[str, RailGrade], ...]:
        """Name and grade of every rail, and of the sets of photos that have one."""
        photos = ((part.name, part.grade) for part in self.photos if part.grade is not None)
        return (*((rail.name, rail.grade) for rail in self.rails), *photos)

    @property
    def parts(self) -> tuple[ActRail | ActPhotos, ...]:
        """Rails, then sets of photos."""
        return (*self.rails, *self.photos)

    @property
    def net_kg(self) -> float | None:
        """Gross less tare."""
        return None if self.gross_kg is None or self.tare_kg is None else self.gross_kg - self.tare_kg

    @property
    def accepted_kg(self) -> float | None:
        """Net mass after contamination: net times (1 - contamination / 100)."""
        if self.net_kg is None or self.contamination_percent is None:
            return None
        return self.net_kg * (1.0 - self.contamination_percent / 100.0)

    def missing(self) -> tuple[str, ...]:
        """What has to be filled before it can be signed: field names, `rails`, `decision:RAIL`.

        A rail that nobody has confirmed or overridden is missing its decision. The date comes with the
        signature, so a draft may be without one.
        """
        lines = ("supplier", "deliverer", "contract", "vehicle", "scrap_class")
        values = ("gross_kg", "tare_kg", "contamination_percent", "radiation", "explosion")
        found = ["act_date"] if self.signed is not None and self.act_date is None else []
        found += [name for name in lines if not getattr(self, name).strip()]
        found += [name for name in values if getattr(self, name) is None]
        if not self.rails and not self.photos:
            found.append("rails")
        found += [f"decision:{rail.name}" for rail in self.rails if rail.decision is None]
        if self.supersedes is not None and not self.supersedes_reason.strip():
            found.append("supersedes_reason")
        return tuple(found)

    def sha256(self) -> str:
        """Hash of all that it says; of a signed act the hash that the books keep."""
        return content_sha256(self)
