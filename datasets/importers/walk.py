"""Pairs pictures with their label files, for the formats that keep one file for each picture.

Neighbours: `importers.yolo`, `importers.per_picture`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from datasets.errors import DataError

Unlabelled = Literal["refuse", "skip", "clean"]
_NAMED = 5


def named(paths: Iterable[Path]) -> str:
    """The first few names, and how many more there are."""
    names = [path.name for path in paths]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def pair(
    pictures: Iterable[Path], notes: Iterable[Path], where: Path, unlabelled: Unlabelled
) -> list[tuple[Path, Path | None]]:
    """Every picture with the label file of its stem.

    Args:
        pictures: picture files.
        notes: label files.
        where: for the error text.
        unlabelled: a picture without label file is refused, skipped, or taken as one without marks.

    Raises:
        DataError: no picture, two pictures or label files of one stem, a label file without picture, or
            a picture without label file when that is refused.
    """
    by_stem = _by_stem(pictures, "pictures", where)
    notes_by_stem = _by_stem(notes, "label files", where)
    if not by_stem:
        raise DataError("there is no picture here", where=str(where), todo="give the folder of the set")
    lost = [path for stem, path in notes_by_stem.items() if stem not in by_stem]
    if lost:
        raise DataError(
            f"{len(lost)} label files have no picture: {named(lost)}",
            where=str(where),
            todo="copy the missing pictures, or remove their label files",
        )
    bare = [path for stem, path in by_stem.items() if stem not in notes_by_stem]
    if bare and unlabelled == "refuse":
        raise DataError(
            f"{len(bare)} pictures have no label file: {named(bare)}",
            where=str(where),
            todo="label them, or say what they are: --unlabelled skip leaves them out, "
            "--unlabelled clean takes them as pictures without marks",
        )
    return [
        (path, notes_by_stem.get(stem))
        for stem, path in sorted(by_stem.items())
        if stem in notes_by_stem or unlabelled == "clean"
    ]


def _by_stem(paths: Iterable[Path], what: str, where: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.stem in found:
            raise DataError(
                f"two {what} are called {path.stem}: {found[path.stem]} and {path}",
                where=str(where),
                todo="import the folders one by one, or rename one",
            )
        found[path.stem] = path
    return found
