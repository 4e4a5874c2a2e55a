"""Folders that appear whole or not at all, and the place of the real pictures.

A data set is written into `.NAME.part` beside its place and moved there at the end; a run that
was killed leaves only the part, which the next run throws away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets.errors import DataError
from datasets.records import COCO_FILE

DATA_VARIABLE = "FERROGATE_DATA"


def data_root() -> Path:
    """The folder of real pictures, from the environment variable FERROGATE_DATA.

    Raises:
        DataError: the variable is not set, or names no folder.
    """
    named = os.environ.get(DATA_VARIABLE, "")
    todo = f"export {DATA_VARIABLE}=FOLDER, the folder that holds rail400/, neu_det/, mt/ and the others"
    if not named:
        raise DataError("it is not said where the real pictures are", where=DATA_VARIABLE, todo=todo)
    if not Path(named).is_dir():
        raise DataError(f"{named} is not a folder", where=DATA_VARIABLE, todo=todo)
    return Path(named)


@contextmanager
def whole_folder(out: Path, marker: str = COCO_FILE) -> Iterator[Path]:
    """Give an empty folder to write into; at the end it takes the place of `out`.

    What was there before is replaced if it holds `marker`; a folder of anything else is never touched.

    Raises:
        DataError: `out` holds something else, or the folder cannot be made or moved.
    """
    check_replaceable(out, marker)
    part = out.with_name(f".{out.name}.part")
    todo = "make room on the disk, check the folder's rights"
    try:
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"the folder cannot be made: {error}", where=str(part), todo=todo) from error
    done = False
    try:
        yield part
        done = True
    except OSError as error:
        raise DataError(f"the data set cannot be written: {error}", where=str(out), todo=todo) from error
    finally:
        if not done:
            shutil.rmtree(part, ignore_errors=True)
    try:
        if out.exists():
            shutil.rmtree(out)
        part.replace(out)
    except OSError as error:
        raise DataError(f"the data set cannot be put in place: {error}", where=str(out), todo=todo) from error


def check_replaceable(out: Path, marker: str = COCO_FILE) -> None:
    """Refuse a place that holds something else than what is to be written there.

    Raises:
        DataError: `out` is a file, or a folder with content and without the file `marker`.
    """
    if not out.exists() or (out / marker).exists():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    raise DataError(
        f"there is something here without {marker}, which is not replaced",
        where=str(out),
        todo="give another --out, or remove it",
    )


def place_file(source: Path, target: Path) -> None:
    """Put a picture of another folder into a data set: a hard link where the disk allows, else a copy.

    Raises:
        DataError: it cannot be read or written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            # Another disk, or a file system without links.
            shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(
            f"the picture cannot be copied: {error}", where=str(source), todo="check rights and free space"
        ) from error
