"""Check a recipe file: everything that is wrong with it at once, and what is only doubtful.

Neighbours: `edge_runtime.strict_yaml` tells the lines, `vision.recipe` what a recipe may hold;
`ferrogate recipe check` prints the outcome. Only whoever runs a station needs a sound file, so
`edge_runtime.config.load_recipe` refuses at the first look and does without this.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from edge_runtime import strict_yaml
from edge_runtime.catalogue import is_name, named
from edge_runtime.recipe_files import AnyRecipe, file_of, type_of
from edge_runtime.strict_yaml import Document, Place
from vision.errors import FerrogateError
from vision.rail_recipe import RailRecipe, RailRule
from vision.recipe import BallRecipe, Limit
from vision.recipe_parts import unverified_limits
from vision.recipe_upgrade import is_version_1
from vision.yard.recipe import YardRecipe
from vision.yard.recipe_rules import KindRule, SizeStep

#: What prints a file with all keys, by what the file is.
_WHOLE: dict[type[AnyRecipe], str] = {
    BallRecipe: "ferrogate recipe show gost:40",
    RailRecipe: "ferrogate recipe show rail_default",
    YardRecipe: "ferrogate recipe show yard_default",
}
#: A band wider than this share of the nominal diameter is most likely a slip of the pen.
_WIDE_BAND_SHARE = 0.4
#: Where version 1 files hold what version 2 calls otherwise.
_OLD_PLACES: dict[Place, Place] = {
    ("size", "nominal_mm"): ("size", "d_nominal_mm"),
    ("form", "ovality_max_mm"): ("size", "ovality_max_mm"),
    ("guard",): ("size", "guard_k"),
}
#: What to do about a value that cannot be, by its key or the section it stands in.
_TODO = {
    "size.nominal_mm": "give the diameter that the band is about, mm",
    "size": "ei_mm is the lower and es_mm the upper deviation from nominal_mm, both with their sign",
    "form": "give a limit above 0, or null where the form is not judged",
    "guard": "see 'ferrogate recipe schema': rule none, simple (u_max_share), one_sided_95 or factor (k)",
    "coverage": "ask for what a camera can see of a ball of this size, or leave it out",
    "views": "give shares from 0 to 1, grey levels from 0 to 255",
    "findings": "name each label of the model once, scores above 0 and up to 1",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say of a file. `line` from 1, None where the file has no line for it."""

    line: int | None
    key: str
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class CheckedRecipe:
    """Outcome for one file; `recipe` is None as long as there are problems."""

    where: str
    recipe: AnyRecipe | None
    problems: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


def check(where: str) -> CheckedRecipe:
    """Check a file, or a recipe of a catalogue by its name."""
    if is_name(where):
        try:
            recipe = named(where)
        except FerrogateError as error:
            return CheckedRecipe(where, None, [Remark(None, "file", error.what, error.todo)])
        return CheckedRecipe(where, recipe, [], list(warnings(recipe, Document(None))))
    try:
        with file_of(where).open(encoding="utf-8") as file:  # a device has no end
            text = file.read(strict_yaml.MAX_CHARACTERS + 1)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
        why = getattr(error, "strerror", None) or error
        remark = Remark(None, "file", f"cannot be read: {why}", "check the path and the file's rights")
        return CheckedRecipe(where, None, [remark])
    return check_text(text, where)


def check_text(text: str, where: str = "recipe") -> CheckedRecipe:
    """Check the text of a recipe file; `where` is what the outcome calls it."""
    try:
        document = strict_yaml.read(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        what = f"not YAML: {getattr(error, 'problem', None) or error}"
        return CheckedRecipe(where, None, [Remark(line, "file", what, "mend this line, or the one above it")])
    problems = [
        Remark(line, name, "the key stands twice, and only one can count", "keep one of them")
        for line, name in document.duplicates
    ]
    if not isinstance(document.data, dict):
        what = "it is empty" if document.data is None else "it holds no keys"
        remark = Remark(None, "file", what, "start from one: 'ferrogate recipe show gost:40 > my.yaml'")
        return CheckedRecipe(where, None, [*problems, remark])
    recipe: AnyRecipe | None = None
    model = type_of(document.data)
    try:
        recipe = model.model_validate(document.data)
    except ValidationError as error:
        problems += [_problem(item, document, model) for item in error.errors()]
    if problems or recipe is None:
        ordered = sorted(problems, key=lambda remark: (remark.line or 0, remark.key))
        return CheckedRecipe(where, None, ordered)
    return CheckedRecipe(where, recipe, [], list(warnings(recipe, document)))


def _problem(item: Any, document: Document, model: type[AnyRecipe]) -> Remark:
    """One of pydantic's errors in words of the file."""
    place: Place = item["loc"]
    data = document.data
    if model is BallRecipe and isinstance(data, dict) and is_version_1(data):
        place = _old_place(place)
    key = ".".join(str(part) for part in place) or "file"
    line = document.line(place)
    kind = item["type"]
    if kind == "missing":
        if key.endswith(".source"):
            return Remark(line, key, "a limit without a source", "name document and clause it was taken from")
        return Remark(line, key, "the key is missing", f"add it; '{_WHOLE[model]}' has all keys")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys_at(item["loc"][:-1], model), 1)
        todo = f"perhaps '{near[0]}' is meant" if near else "take it out"
        return Remark(line, key, "unknown key", todo)
    if kind == "value_error":
        what = item["msg"].removeprefix("Value error, ")
        todo = _TODO.get(key) or _TODO.get(key.partition(".")[0], "correct it")
        return Remark(line, key, what, todo)
    if kind == "string_type":
        return Remark(line, key, f"a text is needed, not {item['input']!r}", "put it in quotation marks")
    return Remark(line, key, f"{item['msg']}, got {item['input']!r}", "correct it")


def _old_place(place: Place) -> Place:
    for new, old in _OLD_PLACES.items():
        if place[: len(new)] == new:
            return old
    return place


def _keys_at(place: Place, model: type[AnyRecipe]) -> list[str]:
    """Keys that the mapping at a place of a recipe may have."""
    schema = model.model_json_schema()
    node = schema
    for part in place:
        node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        choices = [node, *node.get("anyOf", ())]
        reference = next((choice["$ref"] for choice in choices if "$ref" in choice), None)
        if reference is not None:
            node = schema["$defs"][reference.rpartition("/")[2]]
    return list(node.get("properties", {}))


def warnings(recipe: AnyRecipe, document: Document) -> Iterator[Remark]:
    """What is possible, and perhaps not meant; then every limit that nobody has verified."""
    data = document.data
    if isinstance(recipe, BallRecipe) and isinstance(data, dict) and is_version_1(data):
        yield Remark(
            document.line(("schema_version",)),
            "schema_version",
            "a file of version 1: it is read, and what lies inside the guard band is now review, not reject",
            "write it anew with 'ferrogate recipe show FILE'",
        )
    if isinstance(recipe, BallRecipe):
        for key, what, todo in _doubts(recipe):
            yield Remark(document.line(tuple(key.split("."))), key, what, todo)
    for key in unverified_limits(recipe):
        todo = "compare it with its source, then set 'verified: true'"
        yield Remark(document.line(tuple(key.split("."))), key, f"not verified: {_limit(recipe, key)}", todo)


def _limit(recipe: AnyRecipe, key: str) -> str:
    value: Any = recipe
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    if isinstance(value, Limit):
        return f"{value.value:g} ({value.source})"
    if isinstance(value, RailRule | KindRule | SizeStep):
        return f"{value.action} ({value.source})"
    return str(value.source)


def _doubts(recipe: BallRecipe) -> Iterator[tuple[str, str, str]]:
    size, form, demand = recipe.size, recipe.form, recipe.coverage
    band_mm = size.d_max_mm - size.d_min_mm
    if recipe.standard is None:
        yield "standard", "no standard is named", "name the standard or contract: lots are certified to it"
    if not size.ei_mm.value <= 0.0 <= size.es_mm.value:
        yield "size", "the nominal diameter lies outside its own band", "check the signs of es_mm and ei_mm"
    if band_mm > _WIDE_BAND_SHARE * size.d_nominal_mm:
        share = band_mm / size.d_nominal_mm
        yield "size", f"the band is {share:.0%} of the nominal diameter wide", "check es_mm and ei_mm"
    for name, unit_mm in (
        ("ovality_max_mm", 1.0),
        ("ovality_max_share", size.d_nominal_mm),
        ("roundness_max_mm", 1.0),
    ):
        limit: Limit | None = getattr(form, name)
        if limit is not None and limit.value * unit_mm >= band_mm:
            what = f"{limit.value * unit_mm:g} mm is not below the band's {band_mm:g} mm: it never decides"
            yield f"form.{name}", what, "check it"
    if form.speck_max_mm is None:
        what = "no limit for specks: a thin neck may be taken for dust"
        yield "form.speck_max_mm", what, "set the largest deviation of the outline that may be dust"
    if recipe.guard.rule == "none":
        what = "the uncertainty counts for nothing: half of the balls on a limit are taken wrongly"
        yield "guard.rule", what, "use one_sided_95 where you are the supplier"
    ignored = [label for label, rule in recipe.findings.items() if rule.action == "ignore"]
    if ignored:
        yield "findings", f"not judged at all: {', '.join(ignored)}", "use action reject or review"
    if demand is not None and demand.surface_share_min is not None:
        cap = (1.0 - math.cos(math.radians(demand.view_angle_max_deg))) / 2.0
        needed = math.ceil(demand.surface_share_min.value / cap)
        if needed > recipe.views.views_min:
            what = f"this share takes {needed} views or more, and views_min is {recipe.views.views_min}"
            yield "coverage.surface_share_min", what, "raise views_min, or check that the line gives them"
