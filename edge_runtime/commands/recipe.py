"""`ferrogate recipe`: check recipe files, and list and print those that come with ferrogate.

Neighbours: `edge_runtime.recipe_check` finds what is wrong, `edge_runtime.recipe_files` knows recipes by name
and kind, `edge_runtime.catalogue` makes balls' recipes from the tables of the standards.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from edge_runtime.catalogue import CATALOGUES, catalogue, named, written
from edge_runtime.recipe_check import CheckedRecipe, Remark, check
from edge_runtime.recipe_files import (
    RECIPE_KINDS,
    RECIPE_TYPES,
    SHIPPED,
    AnyRecipe,
    file_of,
    kind_of,
    load_any_recipe,
)
from vision.errors import ConfigError
from vision.rail_recipe import RailRecipe
from vision.recipe import BallRecipe
from vision.yard.recipe import YardRecipe

NAME = "recipe"
HELP = "check, list and print recipes: the limits of a product"
EPILOG = """\
examples:
  ferrogate recipe list                        all sizes of GOST 7524-2015, a Kazakh maker and YB/T 091;
                                               the recipes of rail pictures and of the rail yard
  ferrogate recipe show gost:40 > my.yaml      a file to put your own limits into
  ferrogate recipe show gost:40:3 > my.yaml    the same, ordered with hardness group 3
  ferrogate recipe show yard_default > my.yaml how whole rails are graded: codes, margins, furnace, money
  ferrogate recipe check my.yaml               everything that is wrong with it, with line and key
  ferrogate recipe hash my.yaml                content hash, as it stands in the books
  ferrogate recipe schema yard                 JSON schema, for an editor (ball, rail or yard)

Station files and --recipe take a file or such a name. exit codes of check: 0 sound, 2 not.
"""
EXIT_NOT_SOUND = ConfigError.exit_code


def register(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    def add(name: str, text: str, *, takes: str = "", many: bool = False) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
        if takes:
            action.add_argument("recipes", metavar=takes, nargs="+" if many else 1, help="file, or a name")
        action.add_argument("--json", action="store_true", help="one JSON object")
        return action

    add("check", "check recipe files; unverified limits are warnings", takes="FILE", many=True)
    add("list", "list the recipes that come with ferrogate")
    add("show", "print one recipe as a file", takes="NAME_OR_FILE")
    add("hash", "print the content hash of recipes", takes="FILE", many=True)
    schema = add("schema", "print the JSON schema of a recipe file")
    schema.add_argument("kind", nargs="?", choices=RECIPE_KINDS, default="ball", help="default: ball")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: a file or name that cannot be used (show, hash).
    """
    if args.action == "check":
        return _check(args.recipes, as_json=args.json)
    if args.action == "list":
        _list(as_json=args.json)
    elif args.action == "show":
        _show(args.recipes[0], as_json=args.json)
    elif args.action == "hash":
        _hash(args.recipes, as_json=args.json)
    else:
        print(json.dumps(RECIPE_TYPES[args.kind].model_json_schema(), indent=2))
    return 0


def _check(files: list[str], *, as_json: bool) -> int:
    outcomes = [check(name) for name in files]
    sound = all(outcome.recipe is not None for outcome in outcomes)
    if as_json:
        print(json.dumps({"ok": sound, "files": [_facts(outcome) for outcome in outcomes]}))
    else:
        for outcome in outcomes:
            _print(outcome)
    return 0 if sound else EXIT_NOT_SOUND


def _facts(outcome: CheckedRecipe) -> dict[str, object]:
    recipe = outcome.recipe
    return {
        "file": outcome.where,
        "ok": recipe is not None,
        "kind": None if recipe is None else kind_of(recipe),
        "product": None if recipe is None else recipe.product,
        "sha256": None if recipe is None else recipe.sha256(),
        "problems": [asdict(remark) for remark in outcome.problems],
        "warnings": [asdict(remark) for remark in outcome.warnings],
    }


def _print(outcome: CheckedRecipe) -> None:
    recipe = outcome.recipe
    if recipe is None:
        print(f"{outcome.where}: {_count(len(outcome.problems), 'problem')}")
    elif isinstance(recipe, RailRecipe):
        print(f"{outcome.where}: sound, {_count(len(outcome.warnings), 'warning')}")
        rules = ", ".join(f"{label} {rule.action}" for label, rule in recipe.findings.items())
        print(f"  {recipe.product}: {rules}")
    elif isinstance(recipe, YardRecipe):
        print(f"{outcome.where}: sound, {_count(len(outcome.warnings), 'warning')}")
        required = ", ".join(name for name, row in recipe.rows.items() if row.required)
        print(f"  {recipe.product}: {len(recipe.kinds)} kinds of finding; to be typed: {required}")
    else:
        size = recipe.size
        band = f"{size.d_nominal_mm:g} mm {size.es_mm.value:+g} {size.ei_mm.value:+g}"
        widths = f"every width in {size.d_min_mm:g}..{size.d_max_mm:g} mm"
        print(f"{outcome.where}: sound, {_count(len(outcome.warnings), 'warning')}")
        print(f"  {recipe.product}: {band}, {widths}, guard {recipe.guard.rule}")
    for word, remarks in (("problem", outcome.problems), ("warning", outcome.warnings)):
        for remark in remarks:
            _print_remark(word, remark)


def _print_remark(word: str, remark: Remark) -> None:
    line = "" if remark.line is None else f"line {remark.line}, "
    print(f"  {word}: {line}{remark.key}: {remark.what}")
    print(f"    what to do: {remark.todo}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _list(*, as_json: bool) -> None:
    rows = [_row(f"{key}:{row.label}", row.mass_kg) for key in CATALOGUES for row in catalogue(key).sizes]
    files = [_file_row(name) for name in SHIPPED]
    if as_json:
        print(json.dumps({"recipes": [*rows, *files]}, ensure_ascii=False))
        return
    print("name       nominal_mm  es_mm  ei_mm  ovality   mass_kg  unverified")
    for row in rows:
        share = row["ovality_max_share"]
        ovality = "-" if share is None else f"{share:.0%}"
        band = f"{row['nominal_mm']:>10g} {row['es_mm']:>+6g} {row['ei_mm']:>+6g}"
        print(f"{row['name']:<10} {band} {ovality:>8} {row['mass_kg']:>9g} {row['unverified']:>11}")
    for row in files:
        print(f"{row['name']:<54} {row['unverified']:>11}  {row['product']}")
    print("unverified: limits that nobody has compared with the bought standard yet")


def _row(name: str, mass_kg: float) -> dict[str, Any]:
    recipe = named(name)
    share = recipe.form.ovality_max_share
    return {
        "name": name,
        "kind": "ball",
        "product": recipe.product,
        "nominal_mm": recipe.size.d_nominal_mm,
        "es_mm": recipe.size.es_mm.value,
        "ei_mm": recipe.size.ei_mm.value,
        "ovality_max_share": None if share is None else share.value,
        "mass_kg": mass_kg,
        "hardness_groups": catalogue(name.partition(":")[0]).groups(recipe.size_label),
        "unverified": len(recipe.unverified()),
        "sha256": recipe.sha256(),
    }


def _file_row(name: str) -> dict[str, Any]:
    recipe = load_any_recipe(name)
    return {
        "name": name,
        "kind": kind_of(recipe),
        "product": recipe.product,
        "unverified": len(recipe.unverified()),
        "sha256": recipe.sha256(),
    }


def _show(name: str, *, as_json: bool) -> None:
    recipe = load_any_recipe(name)
    if as_json:
        print(json.dumps(recipe.model_dump(mode="json"), ensure_ascii=False))
        return
    title = f"Written by 'ferrogate recipe show {name}'."
    print(_text(recipe, name, title), end="")


def _text(recipe: AnyRecipe, name: str, title: str) -> str:
    """As a file: a ball's recipe written anew, another one as it stands in its own, comments and all."""
    if isinstance(recipe, BallRecipe):
        return written(recipe, title)
    return f"# {title}\n{file_of(name).read_text(encoding='utf-8')}"


def _hash(files: list[str], *, as_json: bool) -> None:
    hashes = {name: load_any_recipe(name).sha256() for name in files}
    if as_json:
        print(json.dumps(hashes))
        return
    for name, value in hashes.items():
        print(f"{value}  {name}")
