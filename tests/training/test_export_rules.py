"""Parity: which differences between network and file are refused (no training extra needed)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.records import DataSet, SampleRecord
from export.parity import compare
from export.run_data import LabelledFolder, real_pictures
from vision.errors import FerrogateError
from vision.types import Float32Array


def _output(*rows: tuple[float, float, float, float, float, float]) -> Float32Array:
    return np.array([rows], np.float32)


_ROW = (10.0, 10.0, 50.0, 40.0, 0.8, 2.0)
_OTHER = (60.0, 60.0, 90.0, 95.0, 0.4, 1.0)


@pytest.mark.parametrize(
    ("file", "agrees"),
    [
        (_output(_ROW, _OTHER), True),  # the same
        (_output(_OTHER, _ROW), True),  # the same in another order
        (_output((10.0, 10.01, 50.0, 40.0, 0.80005, 2.0), _OTHER), True),  # within tolerance
        (_output((10.0, 10.03, 50.0, 40.0, 0.8, 2.0), _OTHER), False),  # a box too far off
        (_output((10.0, 10.0, 50.0, 40.0, 0.8002, 2.0), _OTHER), False),  # a score too far off
        (_output((10.0, 10.0, 50.0, 40.0, 0.8, 3.0), _OTHER), False),  # another class
        (_output(_ROW, (60.0, 60.0, 90.0, 95.0, 0.9, 1.0)), False),  # another score of the second box
    ],
)
def test_parity(file: Float32Array, agrees: bool) -> None:
    parity = compare([(_output(_ROW, _OTHER), file)])
    assert parity.pictures == 1
    if agrees:
        parity.check("here")
    else:
        with pytest.raises(FerrogateError, match="differs from the network"):
            parity.check("here")


def test_nothing_compared_is_no_agreement() -> None:
    nothing = compare([])
    assert not nothing.agrees
    with pytest.raises(FerrogateError, match="no boxes could be compared"):
        nothing.check("here")


@pytest.mark.parametrize("where", [0, 1])
def test_numbers_that_are_none_never_agree(where: int) -> None:
    pair = [_output(_ROW, _OTHER), _output(_ROW, _OTHER)]
    assert compare([(pair[0], pair[1])]).agrees
    pair[where] = np.full_like(pair[where], np.nan)
    assert not compare([(pair[0], pair[1])]).agrees


def _folder(name: str, *origins: str) -> LabelledFolder:
    samples = [
        SampleRecord.model_validate(
            {
                "file": f"{number}.png", "width_px": 8, "height_px": 8, "group": str(number), "source": name,
                "label": "", "split": "train", "origin": origin,
            }
        )
        for number, origin in enumerate(origins)
    ]  # fmt: skip
    return LabelledFolder(Path(name), DataSet(labels=("defect",), samples=tuple(samples)))


def test_ranges_are_measured_on_photographs_where_there_are_any() -> None:
    frames, composed = _folder("frames", "real", "composed", "real"), _folder("composed", "composed")
    (kept,) = real_pictures([frames, composed], "train")
    assert kept.folder == Path("frames")
    assert [sample.file for sample in kept.data.samples] == ["0.png", "2.png"]
    renders = _folder("train", "rendered", "rendered")
    assert real_pictures([renders], "train") == (renders,)
