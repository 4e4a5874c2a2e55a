"""Histograms and the strips of sequences as plain numbers that the page's template draws as SVG.

Neighbours: `datasets.card.page` feeds them, templates/card.html draws them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.card.facts import SPLITS, splits_of
from datasets.records import DataSet, Split

WIDTH, HEIGHT = 420, 150
_LEFT, _RIGHT, _BOTTOM, _TOP = 38, 16, 24, 8
_STRIP_WIDTH, _ROW_PX, _NAME_PX = 880, 22, 150


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a stacked bar, in SVG pixels; `split` gives its colour."""

    x: float
    y: float
    width: float
    height: float
    split: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: size, bars, marks of both axes as (position, text), and what it shows."""

    title: str
    unit: str
    width: int
    height: int
    bars: tuple[Bar, ...]
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    note: str = ""


def histogram(
    title: str, unit: str, values: Mapping[Split, Sequence[float]], edges: Sequence[float], *, note: str = ""
) -> Chart:
    """A histogram stacked by split; values beyond the edges count in the outer bins.

    Args:
        title: of the chart.
        unit: of the values.
        values: by split.
        edges: of the bins, rising; drawn equally wide.
        note: a sentence below.
    """
    counts = {
        split: np.histogram(np.clip(np.asarray(values[split], np.float64), edges[0], edges[-1]), edges)[0]
        for split in SPLITS
        if len(values.get(split, ()))
    }
    total = np.sum(list(counts.values()), axis=0) if counts else np.zeros(len(edges) - 1)
    most = max(1, int(total.max()))
    step = (WIDTH - _LEFT - _RIGHT) / (len(edges) - 1)
    rise = (HEIGHT - _TOP - _BOTTOM) / most
    bars: list[Bar] = []
    base = np.zeros(len(edges) - 1)
    for split, some in counts.items():
        for index, count in enumerate(some):
            if not count:
                continue
            y = HEIGHT - _BOTTOM - (base[index] + count) * rise
            text = f"{edges[index]:g} to {edges[index + 1]:g} {unit}: {count} in {split}"
            bars.append(Bar(_LEFT + index * step + 0.5, y, step - 1.0, count * rise, split, text))
        base += some
    every = max(1, math.ceil((len(edges) - 1) / 8))
    x_marks = tuple((_LEFT + index * step, f"{edges[index]:g}") for index in range(0, len(edges), every))
    y_marks = tuple((HEIGHT - _BOTTOM - value * rise, str(value)) for value in sorted({0, most // 2, most}))
    return Chart(title, unit, WIDTH, HEIGHT, tuple(bars), x_marks, y_marks, note)


def box_charts(data: DataSet) -> list[Chart]:
    """Sizes (root of the area, px), aspects (width / height) and places of boxes, by split."""
    sizes: dict[Split, list[float]] = {}
    aspects: dict[Split, list[float]] = {}
    for sample in data.samples:
        for box in sample.boxes:
            width = box.xyxy_px[2] - box.xyxy_px[0]
            height = box.xyxy_px[3] - box.xyxy_px[1]
            if width > 0 and height > 0:
                sizes.setdefault(sample.split, []).append(math.sqrt(width * height))
                aspects.setdefault(sample.split, []).append(width / height)
    octaves = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    ratios = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.71, 1, 1.41, 2, 4, 8, 16, 32)
    return [
        histogram(
            "Size of boxes", "px", sizes, octaves, note="Root of width times height, in picture pixels."
        ),
        histogram(
            "Aspect of boxes", "w/h", aspects, [round(r, 3) for r in ratios], note="Width over height."
        ),
    ]


def grey_chart(greys: Mapping[Split, Sequence[float]]) -> Chart:
    """Mean grey of the pictures, 0..255, by split."""
    return histogram(
        "Mean grey of pictures", "of 255", greys, list(range(0, 257, 16)), note="One value per picture."
    )


def count_chart(data: DataSet) -> Chart:
    """How many boxes a picture has, by split."""
    counts = {split: [len(s.boxes) for s in data.of_split(split)] for split in splits_of(data)}
    edges = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 40)
    return histogram(
        "Boxes in a picture", "boxes", counts, edges, note="The first bar: pictures with no box."
    )


def strip(sequences: Mapping[str, Sequence[tuple[int, Split]]], most: int = 12) -> Chart | None:
    """Which frames of each sequence lie in which split: one row per sequence, one tick per frame."""
    rows = list(sequences.items())[:most]
    if not rows:
        return None
    first = min(frames[0][0] for _, frames in rows)
    last = max(frames[-1][0] for _, frames in rows)
    scale = (_STRIP_WIDTH - _NAME_PX - _RIGHT) / max(1, last - first + 1)
    bars = [
        Bar(
            _NAME_PX + (frame - first) * scale,
            4.0 + index * _ROW_PX,
            max(1.6, min(scale - 0.4, 10.0)),
            _ROW_PX - 6.0,
            split,
            f"{name}, frame {frame}: {split}",
        )
        for index, (name, frames) in enumerate(rows)
        for frame, split in frames
    ]
    names = tuple((4.0 + index * _ROW_PX + 12.0, name) for index, (name, _) in enumerate(rows))
    marks = tuple(
        (_NAME_PX + (value - first) * scale, f"{value:.0f}") for value in np.linspace(first, last, 7).round()
    )
    note = f"The {most} longest of {len(sequences)} sequences." if len(sequences) > most else ""
    height = 4 + len(rows) * _ROW_PX + 22
    return Chart(
        "Frames of each sequence", "frame number", _STRIP_WIDTH, height, tuple(bars), marks, names, note
    )
