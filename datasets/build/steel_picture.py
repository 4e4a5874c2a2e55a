"""One finished picture of the pretraining set. Neighbours: `steel_sheets` and `steel_yard` yield them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.errors import DataError
from datasets.records import BoxRecord
from vision.types import UInt8Array

LONGEST_PX = 448


@dataclass(frozen=True, slots=True)
class SteelPicture:
    """A grey picture (H, W) with its boxes; `kind` is what the splits are balanced by."""

    name: str
    pixels: UInt8Array
    boxes: tuple[BoxRecord, ...]
    group: str
    kind: str
    source: str
    licence: str
    sensor: str


def files_of(source: Path, folder: str, pattern: str) -> list[Path]:
    """The files of a set that fit a pattern, in order of name.

    Raises:
        DataError: there is none.
    """
    found = sorted((source / folder).glob(pattern))
    if not found:
        raise DataError(
            f"no file fits {pattern}",
            where=str(source / folder),
            todo="FERROGATE_DATA names another folder, or the set was copied in part",
        )
    return found
