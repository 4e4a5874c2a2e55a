"""Recipes by name: the tables of a standard as data, and a recipe made from one of their rows.

`gost:40` is size 40 of GOST 7524-2015, `kz:40` a Kazakh maker's, `ybt:60` one of YB/T 091;
`gost:40:3` is ordered with hardness group 3. The tables lie in `edge_runtime/recipes/`, with
a source and `verified` for every figure; what is the line's own matter (pictures, findings) comes
from `line_defaults.yaml` there. Neighbours: `edge_runtime.config.load_recipe` takes a path or such
a name, `ferrogate recipe` lists, shows and checks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_runtime import strict_yaml
from vision.errors import ConfigError
from vision.recipe import BallRecipe, Guard, Standard

RECIPE_DIR = Path(__file__).parent / "recipes"
#: Name before the colon -> file.
CATALOGUES = {"gost": "gost_7524_2015.yaml", "kz": "kz_maker.yaml", "ybt": "yb_t_091_2019.yaml"}
_NAME = re.compile(r"^([a-z]+):([0-9.]+)(?::([^/\\]+))?$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Strict):
    """Where figures come from, and whether somebody compared them there."""

    text: str = Field(min_length=3)
    verified: bool


class SizeRow(_Strict):
    """One size: its label, its nominal diameter (mm) and the mass (kg) of a ball of that diameter."""

    label: str
    nominal_mm: float = Field(gt=0.0)
    source: str
    mass_kg: float = Field(gt=0.0)


class BandRow(_Strict):
    """Deviations (mm) of some sizes, and ovality as a share of the nominal where the standard limits it."""

    labels: tuple[str, ...] = Field(min_length=1)
    es_mm: float
    ei_mm: float
    ovality_max_share: float | None = None
    source: str


class HardnessRow(_Strict):
    """Least hardness of some sizes in one group, HRC."""

    group: str
    labels: tuple[str, ...] = Field(min_length=1)
    surface_hrc_min: float
    volume_hrc_min: float | None = None
    source: str


class Catalogue(_Strict):
    """All sizes of one standard."""

    catalogue: str
    product: str = Field(description="with {label} where the size goes")
    standard: Standard
    guard: Guard
    sources: dict[str, Source]
    sizes: tuple[SizeRow, ...] = Field(min_length=1)
    bands: tuple[BandRow, ...]
    hardness: tuple[HardnessRow, ...] = ()

    @model_validator(mode="after")
    def _rows_fit(self) -> Catalogue:
        labels = [row.label for row in self.sizes]
        banded = [label for band in self.bands for label in band.labels]
        if sorted(labels) != sorted(banded) or len(set(labels)) != len(labels):
            raise ValueError(f"every size needs one band: sizes {labels}, bands {banded}")
        graded = [(row.group, label) for row in self.hardness for label in row.labels]
        if len(set(graded)) != len(graded) or not {label for _, label in graded} <= set(labels):
            raise ValueError("hardness: a size stands twice in one group, or is none of the sizes")
        rows: tuple[SizeRow | BandRow | HardnessRow, ...] = (*self.sizes, *self.bands, *self.hardness)
        unknown = sorted({row.source for row in rows} - set(self.sources))
        if unknown:
            raise ValueError(f"sources are not given: {unknown}")
        return self

    def groups(self, label: str) -> tuple[str, ...]:
        """Hardness groups that a size can be ordered with."""
        return tuple(row.group for row in self.hardness if label in row.labels)

    def recipe(self, label: str, group: str | None = None) -> BallRecipe:
        """The recipe of one size; without `group` that of the only group, or none where there are several.

        Raises:
            KeyError: no such size, or no such group for it.
        """
        size = {row.label: row for row in self.sizes}[label]
        band = next(band for band in self.bands if label in band.labels)
        graded = {row.group: row for row in self.hardness if label in row.labels}
        if group is None and len(graded) == 1:
            group = next(iter(graded))
        hardness = None if group is None else self._hardness(graded[group])
        data = _line_defaults()
        form = dict(data["form"])
        if band.ovality_max_share is not None:
            form["ovality_max_share"] = self._limit(band.ovality_max_share, band.source)
        return BallRecipe.model_validate(
            data
            | {
                "schema_version": 2,
                "product": self.product.format(label=label),
                "size_label": label,
                "standard": self.standard.model_dump(),
                "hardness": hardness,
                "size": {
                    "nominal_mm": self._limit(size.nominal_mm, size.source),
                    "es_mm": self._limit(band.es_mm, band.source),
                    "ei_mm": self._limit(band.ei_mm, band.source),
                },
                "form": form,
                "guard": self.guard.model_dump(),
            }
        )

    def _limit(self, value: float, source: str) -> dict[str, object]:
        origin = self.sources[source]
        return {"value": value, "source": origin.text, "verified": origin.verified}

    def _hardness(self, row: HardnessRow) -> dict[str, object]:
        volume = None if row.volume_hrc_min is None else self._limit(row.volume_hrc_min, row.source)
        surface = self._limit(row.surface_hrc_min, row.source)
        return {"group": row.group, "surface_hrc_min": surface, "volume_hrc_min": volume}


def is_name(text: str) -> bool:
    """Whether a text is the name of a recipe in a catalogue, and not a path."""
    match = _NAME.match(text)
    return match is not None and match.group(1) in CATALOGUES


def named(name: str) -> BallRecipe:
    """The recipe of that name.

    Raises:
        ConfigError: there is no such catalogue, size or hardness group.
    """
    match = _NAME.match(name)
    if match is None or match.group(1) not in CATALOGUES:
        raise ConfigError(
            f"'{name}' names no recipe",
            where=str(RECIPE_DIR),
            todo="'ferrogate recipe list' prints all names",
        )
    key, label, group = match.groups()
    table = catalogue(key)
    labels = [row.label for row in table.sizes]
    if label not in labels:
        raise ConfigError(
            f"{table.standard.name} has no size '{label}' here",
            where=name,
            todo=f"use one of {', '.join(f'{key}:{each}' for each in labels)}, or write a recipe of your own",
        )
    if group is not None and group not in table.groups(label):
        known = ", ".join(f"{key}:{label}:{each}" for each in table.groups(label)) or "none"
        raise ConfigError(
            f"size {label} has no hardness group '{group}' here", where=name, todo=f"known for it: {known}"
        )
    return table.recipe(label, group)


def names() -> Iterator[str]:
    """Names of all recipes, without hardness groups."""
    for key in CATALOGUES:
        yield from (f"{key}:{row.label}" for row in catalogue(key).sizes)


@cache
def catalogue(key: str) -> Catalogue:
    """The table of that name.

    Raises:
        ConfigError: its file was damaged.
    """
    path = RECIPE_DIR / CATALOGUES[key]
    try:
        return Catalogue.model_validate(_data(path))
    except ValidationError as error:
        raise _damaged(path, str(error)) from error


@cache
def _line_defaults() -> dict[str, Any]:
    path = RECIPE_DIR / "line_defaults.yaml"
    data = _data(path)
    if not isinstance(data, dict):
        raise _damaged(path, "it is no mapping")
    return data


def _data(path: Path) -> object:
    try:
        return strict_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"a table that comes with ferrogate cannot be used: {why}",
        where=str(path),
        todo="correct what was changed in it, or install ferrogate again",
    )


#: What stands above each section of a written recipe.
_COMMENTS = {
    "standard": "What the product is made to.",
    "hardness": "Data for papers: a camera cannot see hardness.",
    "size": "Every caliper width in every view lies in nominal + ei .. nominal + es, mm at 20 degC.",
    "form": "Limits of form beside the band; null: not judged.",
    "guard": "How the uncertainty counts: none, simple, one_sided_95 (ISO 14253-1) or factor.",
    "coverage": "How much of a ball must have been seen; null: nothing beside views_min.",
    "views": "When a picture counts as proof.",
    "findings": "Scores that are not given are the thresholds of the model's contract.",
}


def written(recipe: BallRecipe, title: str) -> str:
    """The recipe as the text of a file, with comments; reading it gives the same recipe.

    Args:
        recipe: to write.
        title: first line of the comment at its head.
    """
    head = [title]
    unverified = recipe.unverified()
    if unverified:
        head += [
            f"NOT VERIFIED: {len(unverified)} limits were never compared with their source. Put in the",
            "figures of your bought copy or of the contract, name it as the source, set verified: true.",
        ]
    parts = ["".join(f"# {line}\n" for line in head)]
    for key, value in recipe.model_dump(mode="json").items():
        if key in _COMMENTS:
            parts.append(f"# {_COMMENTS[key]}\n")
        if key == "findings":
            value = {label: rule.model_dump(exclude_none=True) for label, rule in recipe.findings.items()}
        flow = None if key == "findings" else False
        parts.append(
            yaml.safe_dump(
                {key: value}, sort_keys=False, allow_unicode=True, width=105, default_flow_style=flow
            )
        )
    return "".join(parts)
