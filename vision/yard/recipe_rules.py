"""Rules of the yard recipe: what a kind of finding does by its size, what a typed row does, wear.

Neighbours: `vision.yard.recipe` holds them all, `vision.yard.grade` reads them, `vision.recipe_parts` has
the limits with a source that every recipe shares. Names in three languages stand beside each kind and row,
because a plant may add kinds of its own that no catalogue of words knows.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from vision.recipe_parts import Limit, Source, Strict, Text
from vision.yard.types import Action

#: What of a rail matters as feedstock, gravest first (spalls of the surface stand between dirt and rust).
Rank = Literal["safety", "wrong_steel", "weld", "crack", "attachment", "surface", "corrosion", "wear"]
RANKS: tuple[Rank, ...] = get_args(Rank)
#: Actions by harm, mildest first.
ACTIONS: tuple[Action, ...] = get_args(Action)
Language = Literal["ru", "kk", "en"]
Millimetres = Annotated[float, Field(ge=0.0, le=5000.0, strict=True)]
Over = Annotated[float, Field(ge=0.0, strict=True)]


def graver(one: Action, other: Action) -> Action:
    """The graver of two actions."""
    return max(one, other, key=ACTIONS.index)


class Names(Strict):
    """What people read, in each of the three languages."""

    ru: Text
    kk: Text
    en: Text

    def of(self, language: Language) -> str:
        """The name in one language."""
        return {"ru": self.ru, "kk": self.kk, "en": self.en}[language]


class Sourced(Strict):
    """A rule with the document, contract or study it was taken from."""

    source: Source
    verified: Annotated[bool, Field(strict=True)] = Field(
        description="true once a person has compared it with the source"
    )


class SizeStep(Sourced):
    """From which size on a graver action holds: any measure above its limit is enough.

    A measure that is not known counts as above: nobody has proven it small. `margin_mm` is taken out on
    each side along the rail. `length` runs along the rail, `width` across it; the area is their product.
    """

    length_mm_over: Over | None = None
    width_mm_over: Over | None = None
    area_mm2_over: Over | None = None
    action: Action
    margin_mm: Millimetres = 0.0

    @model_validator(mode="after")
    def _has_a_limit(self) -> SizeStep:
        if self.length_mm_over is None and self.width_mm_over is None and self.area_mm2_over is None:
            raise ValueError(
                "give length_mm_over, width_mm_over or area_mm2_over: without one it never holds"
            )
        return self

    def reached(self, length_mm: float | None, width_mm: float | None) -> bool:
        """Whether a finding of this size (mm, None: not known) is above any of the limits."""
        area_mm2 = None if length_mm is None or width_mm is None else length_mm * width_mm
        pairs = (
            (self.length_mm_over, length_mm),
            (self.width_mm_over, width_mm),
            (self.area_mm2_over, area_mm2),
        )
        return any(limit is not None and (size is None or size > limit) for limit, size in pairs)


class KindRule(Sourced):
    """One kind of finding: its codes, its rank, and what it does.

    `ru`, `uic`: codes of the Russian/KTZ and of the UIC 712 catalogue, '' where there is none. `model_label`:
    the model's label under which this kind is found, None where the model does not know it. `action` and
    `margin_mm` hold below every step of `severity`.
    """

    name: Names
    rank: Rank
    element: Literal["head", "web", "foot", "whole"]
    ru: str = ""
    uic: str = ""
    model_label: Text | None = None
    action: Action
    margin_mm: Millimetres = 0.0
    severity: dict[str, SizeStep] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _steps_are_graver(self) -> KindRule:
        for name, step in self.severity.items():
            milder = ACTIONS.index(step.action) < ACTIONS.index(self.action)
            if milder or step.margin_mm < self.margin_mm:
                raise ValueError(f"severity '{name}' is milder than the action it should make graver")
        return self

    def act(self, length_mm: float | None, width_mm: float | None) -> tuple[Action, float, str]:
        """(action, margin in mm, names of the steps that hold) for a finding of this size in mm."""
        action, margin_mm, held = self.action, self.margin_mm, []
        for name, step in self.severity.items():
            if step.reached(length_mm, width_mm):
                action = graver(action, step.action)
                margin_mm = max(margin_mm, step.margin_mm)
                held.append(name)
        return action, margin_mm, " ".join(held)


class TypedRow(Sourced):
    """A row that a person fills, because no camera answers it.

    `kinds`: what the row is about. `required`: an unfilled row keeps the rail `human`. `found_action`: what
    `found` does; with `place_needed` it does so only as long as no finding of these kinds lies on the rail,
    and then those findings' own actions count.
    """

    name: Names
    kinds: tuple[Text, ...] = Field(min_length=1)
    required: Annotated[bool, Field(strict=True)]
    found_action: Action
    place_needed: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _required_rows_matter(self) -> TypedRow:
        if self.required and ACTIONS.index(self.found_action) < ACTIONS.index("human"):
            raise ValueError("found_action of a required row must be human or reject")
        return self


class LabelRule(Strict):
    """What a label of the model is taken for until a person says which kind it is.

    `at_end_kind` instead, where it lies within `end_zone_mm` of an end of the rail that a picture shows.
    """

    kind: Text
    at_end_kind: Text | None = None
    end_zone_mm: Millimetres = 0.0


class WearRule(Strict):
    """What the typed wear of the head (mm of height) does to the rail; `kind`: its row in the coverage."""

    kind: Text
    downgrade_over_mm: Limit
    human_over_mm: Limit

    @model_validator(mode="after")
    def _in_order(self) -> WearRule:
        if not 0.0 <= self.downgrade_over_mm.value <= self.human_over_mm.value <= 40.0:
            raise ValueError("0 <= downgrade_over_mm <= human_over_mm <= 40 must hold")
        return self
