"""Reads every picture of a data set once: whether it is there and whole, its size, its hash, its look.

Neighbours: `datasets.pictures` reads, `datasets.audit.likeness` compares what is kept here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from datasets.audit.findings import Finding
from datasets.audit.likeness import Look, look_of
from datasets.audit.limits import PLAIN_STD
from datasets.errors import DataError
from datasets.pictures import grey, list_pictures, read_picture
from datasets.records import DataSet, SampleRecord
from datasets.synthetic.progress import tracked
from datasets.versions import file_sha256, files_of

_MISSING_TODO = "copy the picture into the folder, or take its record out of the set"


@dataclass(slots=True)
class Pictures:
    """What was read of one data set: hashes of all its files, looks of its pictures, by name."""

    sha256: dict[str, str] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_pictures(folder: Path, data: DataSet, *, progress: bool = False) -> Pictures:
    """Read all pictures of a data set; `progress`: with a bar on stderr."""
    seen = Pictures()
    # One thread: an audit runs beside trainings, and the pictures are small work each.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        samples = {sample.file: sample for sample in data.samples}.values()
        for sample in tracked(samples, f"reading {folder}", total=len(samples), show=progress):
            _read_one(folder, sample, seen)
    finally:
        cv2.setNumThreads(threads)
    seen.findings += _unlisted(folder, data)
    return seen


def _read_one(folder: Path, sample: SampleRecord, seen: Pictures) -> None:
    path = folder / sample.file
    if not _inside(folder, path):
        todo = "keep the pictures in the data set's folder: only then can it be moved and hashed"
        seen.findings.append(_fail("path_outside", "the picture lies outside its data set", path, todo))
        return
    if not path.is_file():
        seen.findings.append(_fail("missing_picture", "the picture is not there", path, _MISSING_TODO))
        return
    try:
        for file in files_of(sample):
            seen.sha256[file] = file_sha256(folder / file)
        pixels = grey(read_picture(path))
    except DataError as error:
        seen.findings.append(_fail("broken_picture", error.what, path, error.todo))
        return
    height, width = pixels.shape
    if (width, height) != (sample.width_px, sample.height_px):
        what = f"the record says {sample.width_px}x{sample.height_px}, the picture is {width}x{height}"
        todo = "label the picture as it is stored; a picture that was turned or shrunk moves every box"
        seen.findings.append(_fail("wrong_size", what, path, todo))
    look = look_of(pixels)
    if look.grey_std < PLAIN_STD:
        what = f"the picture shows nothing: its grey is {look.grey_mean:.1f} everywhere"
        todo = "look at it; a dead exposure teaches nothing"
        finding = Finding(code="plain_picture", level="warning", what=what, where=str(path), todo=todo)
        seen.findings.append(finding)
        return
    seen.looks[sample.file] = look


def _inside(folder: Path, path: Path) -> bool:
    # Without following links: a picture may be a link to its original.
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _fail(code: str, what: str, path: Path, todo: str) -> Finding:
    return Finding.model_validate(
        {"code": code, "level": "fail", "what": what, "where": str(path), "todo": todo}
    )


def _unlisted(folder: Path, data: DataSet) -> list[Finding]:
    listed = {os.path.abspath(folder / file) for sample in data.samples for file in files_of(sample)}
    left = [path for path in list_pictures(folder) if os.path.abspath(path) not in listed]
    if not left:
        return []
    what = f"{len(left)} pictures in the folder are in no record, for instance {left[0].relative_to(folder)}"
    todo = "remove them, or make the set again: nobody reads them, and the version does not cover them"
    return [Finding(code="unlisted_picture", level="warning", what=what, where=str(folder), todo=todo)]
