"""Rules that name the group of a picture: pictures that show one thing must never be parted by a split.

Neighbours: `importers.assemble` calls them; `ferrogate data import --group-by` names them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from datasets.errors import DataError
from datasets.importers.labelled import Labelled

RULES = """field            the format's own group (coco of this project, bundles, Label Studio, CVAT)
file             every picture by itself (only where no two show one thing)
folder           the folder a picture lies in
parts:3,4        these parts of the name, counted from 1, parted by _ or -
match:REGEX      what the brackets of a regular expression find in the name
csv:FILE         a table with the columns file and group"""
_WHERE = "--group-by"


def grouping(rule: str) -> Callable[[Labelled], str]:
    """The function that a rule stands for.

    Raises:
        DataError: there is no such rule, or its table cannot be read. The function itself raises it for a
            picture that the rule finds no group for.
    """
    kind, _, rest = rule.partition(":")
    if kind == "field" and not rest:
        return _by_field
    if kind == "file" and not rest:
        return lambda picture: picture.name
    if kind == "folder" and not rest:
        return lambda picture: str(PurePosixPath(picture.name).parent)
    if kind == "parts" and re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", rest):
        return _by_parts([int(number) for number in rest.split(",")])
    if kind == "match" and rest:
        return _by_match(rest)
    if kind == "csv" and rest:
        return _by_table(Path(rest))
    raise DataError(f"'{rule}' is no rule for groups", where=_WHERE, todo=f"one of:\n{RULES}")


def _none(picture: Labelled, why: str) -> DataError:
    return DataError(
        f"no group for this picture: {why}", where=str(picture.path), todo="give another --group-by"
    )


def _by_field(picture: Labelled) -> str:
    group = picture.fields.get("group")
    if not isinstance(group, str) or not group:
        raise _none(picture, "the format carries none")
    return group


def _by_parts(numbers: list[int]) -> Callable[[Labelled], str]:
    def find(picture: Labelled) -> str:
        words = re.split(r"[_-]", PurePosixPath(picture.name).stem)
        if max(numbers) > len(words):
            raise _none(picture, f"its name has {len(words)} parts")
        return "_".join(words[number - 1] for number in numbers)

    return find


def _by_match(text: str) -> Callable[[Labelled], str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise DataError(f"not a regular expression: {error}", where=_WHERE, todo="mend it") from error

    def find(picture: Labelled) -> str:
        found = pattern.search(picture.name)
        if found is None:
            raise _none(picture, "the expression does not fit its name")
        return "_".join(part or "" for part in found.groups()) or found.group(0)

    return find


def _by_table(path: Path) -> Callable[[Labelled], str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = {row["file"]: row["group"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"the table of groups cannot be read: {error!r}", where=str(path), todo="columns: file, group"
        ) from error

    def find(picture: Labelled) -> str:
        for name in (picture.name, PurePosixPath(picture.name).name):
            if name in table:
                return table[name]
        raise _none(picture, f"{path} does not name it")

    return find
