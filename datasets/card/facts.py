"""The figures of a data card: counts, terms, groups, sequences, how the set was made.

Neighbours: `datasets.card.charts` draws the histograms, `datasets.card.page` puts all on the page.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datasets.records import DataSet, SampleRecord, Split
from datasets.terms import states_terms

SPLITS: tuple[Split, ...] = ("train", "val", "test", "guard")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of counts: head of the first column, heads of the others, rows (name, counts), sums below."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def sums(self) -> tuple[int, ...]:
        """Each column's sum."""
        return tuple(sum(counts[index] for _, counts in self.rows) for index in range(len(self.columns)))


@dataclass(frozen=True, slots=True)
class Terms:
    """One source's licence text, its pictures, and whether it states terms."""

    source: str
    licence: str
    pictures: int
    stated: bool


def splits_of(data: DataSet) -> tuple[Split, ...]:
    """The splits that hold a picture, in the usual order."""
    held = {sample.split for sample in data.samples}
    return tuple(split for split in SPLITS if split in held)


def box_table(data: DataSet) -> Table:
    """Boxes of each label, in class order, per split."""
    counts = Counter((box.label, sample.split) for sample in data.samples for box in sample.boxes)
    return _table("label", data, list(data.labels), counts)


def picture_table(data: DataSet) -> Table:
    """Pictures that show each label, and those with no box, per split (a picture may show several)."""
    counts: Counter[tuple[str, Split]] = Counter()
    for sample in data.samples:
        for label in {box.label for box in sample.boxes} or {"no box"}:
            counts[label, sample.split] += 1
    return _table("pictures that show", data, [*data.labels, "no box"], counts)


def fine_table(data: DataSet) -> Table | None:
    """Boxes of each finer class per split; None where no box has one."""
    counts = Counter(
        (f"{box.label} / {box.fine}", sample.split)
        for sample in data.samples
        for box in sample.boxes
        if box.fine is not None
    )
    return _table("finer class", data, sorted({name for name, _ in counts}), counts) if counts else None


def sample_tables(data: DataSet) -> list[Table]:
    """Pictures per split by source, origin, sensor and label of the whole picture, and boxes by origin."""
    kinds: list[tuple[str, Callable[[SampleRecord], str]]] = [
        ("source", lambda sample: sample.source),
        ("origin", lambda sample: sample.origin),
        ("sensor", lambda sample: sample.sensor or "not stated"),
        ("size in px", lambda sample: f"{sample.width_px}x{sample.height_px}"),
        ("label of the picture", lambda sample: sample.label),
    ]
    tables = []
    for corner, kind in kinds:
        counts = Counter((kind(sample), sample.split) for sample in data.samples)
        names = [name for name, _ in Counter(kind(sample) for sample in data.samples).most_common()]
        tables.append(_shortened(_table(corner, data, names, counts)))
    boxes = Counter((str(box.origin), sample.split) for sample in data.samples for box in sample.boxes)
    if len({origin for origin, _ in boxes}) > 1:
        tables.append(_table("origin of boxes", data, sorted({origin for origin, _ in boxes}), boxes))
    return tables


def _shortened(table: Table, most: int = 14) -> Table:
    if len(table.rows) <= most:
        return table
    rest = Table(table.corner, table.columns, table.rows[most - 1 :])
    other = (f"{len(rest.rows)} others", rest.sums)
    return Table(table.corner, table.columns, (*table.rows[: most - 1], other))


def _table(corner: str, data: DataSet, names: Sequence[str], counts: Counter[tuple[str, Split]]) -> Table:
    splits = splits_of(data)
    rows = []
    for name in names:
        per_split = tuple(counts[name, split] for split in splits)
        rows.append((name, (*per_split, sum(per_split))))
    return Table(corner, (*splits, "all"), tuple(rows))


def terms_of(data: DataSet) -> list[Terms]:
    """Licences by source, those of most pictures first."""
    counts = Counter((sample.source, sample.licence.strip()) for sample in data.samples)
    return [
        Terms(source, licence or "none stated", pictures, states_terms(licence))
        for (source, licence), pictures in counts.most_common()
    ]


def group_facts(data: DataSet) -> list[tuple[str, str]]:
    """How many groups there are and how large, per split."""
    facts: list[tuple[str, str]] = []
    for split in splits_of(data):
        sizes = sorted(Counter((s.source, s.group) for s in data.of_split(split)).values())
        middle = sizes[len(sizes) // 2]
        alike = sizes[0] == sizes[-1]
        range_ = f"{middle}" if alike else f"{sizes[0]} to {sizes[-1]} (the middle one of {middle})"
        text = f"{len(sizes)} groups; pictures in a group: {range_}"
        facts.append((split, text))
    return facts


def sequences_of(data: DataSet) -> dict[str, list[tuple[int, Split]]]:
    """Frame numbers and splits of each sequence, longest sequences first."""
    found: dict[str, list[tuple[int, Split]]] = defaultdict(list)
    for sample in data.samples:
        if sample.sequence and sample.frame is not None:
            found[sample.sequence].append((sample.frame, sample.split))
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return {name: sorted(frames) for name, frames in ordered}


def making(info: dict[str, object]) -> list[tuple[str, str]]:
    """`DataSet.info` as rows of text, nested keys joined by dots."""
    rows: list[tuple[str, str]] = []
    for key, value in info.items():
        if isinstance(value, dict):
            rows += [(f"{key}.{name}", text) for name, text in making(value)]
        elif isinstance(value, str):
            rows.append((key, value))
        else:
            rows.append((key, json.dumps(value, default=str)))
    return rows
