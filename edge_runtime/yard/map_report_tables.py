"""The tables of a map's report, in the reader's words. Neighbour: `map_report` puts them on the page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.reports.document import Column, Table
from edge_runtime.reports.words import Words
from edge_runtime.yard.note_words import notes_text
from vision.rail_map.types import RailMap
from vision.yard.recipe import YardRecipe
from vision.yard.types import Action, CutList, GradeReason, RailGrade, YardFinding

#: More reasons than this are put together.
_MOST_REASONS = 30


def label_word(label: str, words: Words) -> str:
    """A label of the detector as its reader says it."""
    return words.known(f"yard_label.{label}", label)


def kind_word(kind: str, recipe: YardRecipe, words: Words) -> str:
    """A kind of finding as the recipe names it."""
    rule = recipe.kinds.get(kind)
    return kind if rule is None else rule.name.of(words.language)


def counts_table(rail_map: RailMap, findings: Sequence[YardFinding], words: Words) -> Table:
    """How many of each label, with the score from which they were kept."""
    counts = Counter(one.label for one in findings)
    labels = sorted(set(counts) | set(rail_map.thresholds))
    return Table(
        (
            Column(words("rail_map.label")),
            Column(words("rail_map.count"), "number"),
            Column(words("rail_map.threshold"), "number", 2),
        ),
        tuple((label_word(one, words), counts[one], rail_map.thresholds.get(one)) for one in labels),
    )


def findings_table(
    findings: Sequence[YardFinding], grade: RailGrade, recipe: YardRecipe, words: Words, *, scaled: bool
) -> Table:
    """Every finding along the rail: what, where, how large, how sure, what it does, on which frames.

    `scaled` False: places are rows, and there are no sizes.
    """
    m, mm = words("rail_map.m"), words("unit.mm")
    actions = {one.finding: words(f"yard_action.{one.action}") for one in grade.reasons if one.finding}
    places: tuple[Column, ...] = (
        Column(words("rail_map.first_row"), "number"),
        Column(words("rail_map.last_row"), "number"),
    )
    if scaled:
        places = (
            Column(words("rail_map.from"), "number", 3, m),
            Column(words("rail_map.to"), "number", 3, m),
            Column(words("rail_map.length_of"), "number", 0, mm),
            Column(words("rail_map.width_of"), "number", 0, mm),
        )
    return Table(
        (
            Column(words("rail_map.id"), nowrap=True, width=0.6),
            Column(words("rail_map.kind"), width=2.0),
            *places,
            Column(words("rail_map.score"), "number", 2),
            Column(words("rail_map.action"), width=1.2),
            Column(words("rail_map.files"), width=1.4),
        ),
        tuple(
            (
                one.id,
                kind_word(one.kind, recipe, words),
                *(
                    (one.start_m, one.end_m, one.length_mm, one.width_mm)
                    if scaled
                    else (round(one.first_row), round(one.last_row))
                ),
                one.score,
                actions.get(one.id, words("yard_action.leave")),
                ", ".join(dict.fromkeys(Path(file).stem for box in one.boxes for file in box.files)),
            )
            for one in sorted(findings, key=lambda one: (one.first_row, one.id))
        ),
        words("rail_map.all_findings"),
    )


def unseen_table(rail_map: RailMap, words: Words) -> Table:
    """Stretches that no healthy picture covers, by camera, and why."""
    m = words("rail_map.m")
    return Table(
        (
            Column(words("rail_map.camera")),
            Column(words("rail_map.from"), "number", 3, m),
            Column(words("rail_map.to"), "number", 3, m),
            Column(words("rail_map.first_row"), "number"),
            Column(words("rail_map.last_row"), "number"),
            Column(words("rail_map.cause"), width=1.6),
            Column(words("rail_map.frames_of")),
        ),
        tuple(
            (
                one.camera,
                one.start_m,
                one.end_m,
                round(one.first_row),
                round(one.last_row),
                words(f"yard_unseen.{one.cause}")
                + (f" ({notes_text(one.detail, words)})" if one.detail else ""),
                one.frames,
            )
            for one in rail_map.unseen
        ),
    )


def reasons_table(grade: RailGrade, recipe: YardRecipe, words: Words) -> Table:
    """Why the grade is what it is; findings of one kind and action in one row where there are many."""
    rows: list[tuple[str, str, str]] = []
    alike: dict[tuple[Action, str], list[str]] = {}
    many = len(grade.reasons) > _MOST_REASONS
    for one in grade.reasons:
        if many and one.code == "finding":
            alike.setdefault((one.action, str(one.values.get("kind"))), []).append(one.finding)
        else:
            rows.append((reason_word(one, recipe, words), words(f"yard_action.{one.action}"), one.finding))
    for (action, kind), ids in alike.items():
        text = words("rail_map.so_many", kind=kind_word(kind, recipe, words), count=words.number(len(ids)))
        rows.append((text, words(f"yard_action.{action}"), ", ".join(ids)))
    return Table(
        (
            Column(words("rail_map.reason"), width=2.5),
            Column(words("rail_map.action")),
            Column(words("rail_map.id"), width=0.8),
        ),
        tuple(rows),
    )


def reason_word(reason: GradeReason, recipe: YardRecipe, words: Words) -> str:
    """A grade's reason with its figures filled in; a code that the catalogue lacks as it is."""
    values = {name: _value(name, value, recipe, words) for name, value in reason.values.items()}
    text = words.known(f"yard_reason.{reason.code}", "")
    if reason.values.get("start_m", 0.0) is None:
        text = words.known(f"yard_reason.{reason.code}_no_scale", text)
    if not text:
        return ", ".join((reason.code, *(f"{name} {value}" for name, value in values.items())))
    return text.format_map(defaultdict(lambda: words.number(None), values))


def _value(name: str, value: str | float | int | None, recipe: YardRecipe, words: Words) -> str:
    if isinstance(value, float):
        return words.number(value, 3 if name.endswith("_m") or name == "metres" else 0)
    if not isinstance(value, str):
        return words.number(value)
    if name == "kind":
        return kind_word(value, recipe, words)
    if name == "row" and value in recipe.rows:
        return recipe.rows[value].name.of(words.language)
    return words.known(f"yard_{name}.{value}", value)


def cuts_table(cut_list: CutList, words: Words) -> Table:
    """What is cut out, and why."""
    m = words("rail_map.m")
    return Table(
        (
            Column(words("rail_map.from"), "number", 3, m),
            Column(words("rail_map.to"), "number", 3, m),
            Column(words("rail_map.lost"), "number", 3, m),
            Column(words("rail_map.reason"), width=1.6),
            Column(words("rail_map.findings")),
        ),
        tuple(
            (
                cut.start_m,
                cut.end_m,
                cut.end_m - cut.start_m,
                words(f"yard_cut.{cut.reason}"),
                ", ".join(cut.findings),
            )
            for cut in cut_list.cuts
        ),
        words("rail_map.cuts"),
    )


def pieces_table(cut_list: CutList, words: Words) -> Table:
    """What is used."""
    m = words("rail_map.m")
    return Table(
        (
            Column(words("rail_map.from"), "number", 3, m),
            Column(words("rail_map.to"), "number", 3, m),
            Column(words("rail_map.length_of"), "number", 3, m),
            Column(""),
        ),
        tuple(
            (
                one.start_m,
                one.end_m,
                one.end_m - one.start_m,
                words("yard_grade.downgraded") if one.downgraded else "",
            )
            for one in cut_list.pieces
        ),
        words("rail_map.pieces"),
    )


def coverage_table(grade: RailGrade, recipe: YardRecipe, words: Words) -> Table:
    """For each code of the catalogues by whom it was looked for."""
    return Table(
        (
            Column(words("rail_map.kind"), width=2.0),
            Column(words("rail_map.ru_code")),
            Column(words("rail_map.uic_code")),
            Column(words("rail_map.seen_by")),
            Column(words("rail_map.count"), "number"),
            Column(words("rail_map.typed")),
        ),
        tuple(
            (
                kind_word(row.kind, recipe, words),
                row.ru,
                row.uic,
                words(f"yard_seen_by.{row.seen_by}"),
                row.found,
                ("" if row.fact is None else words(f"yard_fact.{row.fact}"))
                or (words("rail_map.must_be_typed") if row.required else ""),
            )
            for row in grade.coverage
        ),
    )
