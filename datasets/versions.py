"""The version of a data set: one hash of what it says and shows.

The hash covers the labels in class order, every record and the bytes of every picture and mask. It does not
depend on the order of records or boxes, on the place or name of the folder, on file times, or on
`DataSet.info`, which tells how a set was made (the command holds a path). So the same inputs, built
twice, have the same version. Neighbours: `training` and `export` keep it in manifest and contract,
`datasets.card` prints it, `datasets.records.data_sha256` is its older name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from datasets.errors import DataError
from datasets.records import COCO_FILE, BoxRecord, DataSet, SampleRecord, read_coco

#: What the hash covers, and how it is written down; another rule is another number.
VERSION_RULE = 1
#: Coordinates count to this many digits: a corner that went through width and back differs behind them.
_DIGITS = 4


def version_of(folder: Path, data: DataSet | None = None) -> str:
    """The version of a data set, 64 hexadecimal digits.

    Args:
        folder: holds the pictures.
        data: its records, where they have been read already; None: they are read.

    Raises:
        ConfigError: the records cannot be read.
        DataError: a picture cannot be read.
    """
    data = read_coco(folder) if data is None else data
    files = {file for sample in data.samples for file in files_of(sample)}
    return version_from(data, {file: file_sha256(folder / file) for file in files})


def files_of(sample: SampleRecord) -> list[str]:
    """A sample's picture, and the files that entries of its `truth` ending in `_file` name (masks)."""
    beside = [value for key, value in sorted(sample.truth.items()) if key.endswith("_file")]
    return [sample.file, *(value for value in beside if isinstance(value, str) and value)]


def version_from(data: DataSet, sha256: Mapping[str, str]) -> str:
    """The version from records and the hashes of their files' bytes (`files_of`).

    Raises:
        KeyError: a file has no hash.
    """
    samples = sorted(_sample_text(sample, sha256) for sample in data.samples)
    head = json.dumps({"rule": VERSION_RULE, "labels": data.labels}, sort_keys=True)
    digest = hashlib.sha256(head.encode())
    for text in samples:
        digest.update(b"\n" + text.encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"a picture of the data set cannot be read: {error.strerror or error}",
            where=str(path),
            todo=f"copy the whole folder, or make the set again; {COCO_FILE} names the picture",
        ) from error


def _sample_text(sample: SampleRecord, sha256: Mapping[str, str]) -> str:
    record = sample.model_dump(mode="json", exclude={"boxes"})
    record["boxes"] = sorted(_box_text(box) for box in sample.boxes)
    record["picture_sha256"], *beside = [sha256[file] for file in files_of(sample)]
    if beside:
        record["beside_sha256"] = beside
    return json.dumps(record, sort_keys=True)


def _box_text(box: BoxRecord) -> str:
    record = box.model_dump(mode="json")
    # + 0.0 makes a negative zero a zero.
    record["xyxy_px"] = [round(value, _DIGITS) + 0.0 for value in box.xyxy_px]
    record["polygons_px"] = [[round(value, _DIGITS) + 0.0 for value in line] for line in box.polygons_px]
    return json.dumps(record, sort_keys=True)
