"""A certificate as a report: what was made, how it was judged, and what nobody looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_runtime.lots.certificate import Certificate, Doubt
from edge_runtime.lots.hardness import ball_hardness, depth_mean_hrc
from edge_runtime.lots.lab_section import LabData, formula_notes, hardness_table, sample_table
from edge_runtime.lots.lot_plots import reason_text
from edge_runtime.lots.size_sections import limit_names
from edge_runtime.lots.tables import AcceptanceTables
from edge_runtime.reports.document import (
    Block,
    Column,
    Fact,
    KeyValues,
    Notice,
    Paragraph,
    Report,
    Section,
    Signature,
    Table,
)
from edge_runtime.reports.words import Words
from vision.recipe import BallRecipe, Limit

#: What the buyer should know that nobody looked at; texts in the catalogue.
_NOT_INSPECTED = ("inner_cracks", "hardness_inside", "hairline", "every_direction")


def certificate_report(paper: Certificate, tables: AcceptanceTables, words: Words) -> Report:
    """The paper; with a doubt it carries the watermark and has no signature lines."""
    recipe = paper.ball_recipe()
    number = words("certificate.draft") if paper.number is None else words.number(paper.number)
    signatures = (
        Signature(words("certificate.head_of_control")),
        Signature(words("certificate.lab")),
        Signature(words("certificate.stamp")),
    )
    lab = LabData(paper.hardness, paper.samples, tables)
    sections = (
        _status(paper, words),
        _product(paper, recipe, words),
        _balls(paper, words),
        _sizes(paper, recipe, words),
        _hardness(lab, recipe, words),
        _samples(lab, words),
        _not_inspected(words),
        _limits(recipe, words),
    )
    return Report(
        words("certificate.title", number=number),
        " · ".join(filter(None, (paper.details.maker, paper.details.maker_address))),
        words.language,
        _head(paper, words),
        tuple(section for section in sections if section.blocks),
        watermark=None if paper.can_be_signed else words("certificate.watermark"),
        signatures=signatures if paper.can_be_signed else (),
        made=words.clock(paper.utc_ns),
    )


def _head(paper: Certificate, words: Words) -> tuple[Fact, ...]:
    details = paper.details
    chemistry = ", ".join(
        f"{name} {words.number(share, _digits(share))}\u00a0%" for name, share in details.chemistry.items()
    )
    return (
        Fact(words("certificate.date"), words.date(words.clock(paper.utc_ns))),
        Fact(words("certificate.maker"), details.maker),
        Fact(words("certificate.trademark"), details.trademark or None),
        Fact(words("certificate.consumer"), details.consumer or None),
        Fact(words("certificate.contract"), details.contract or None),
        Fact(words("certificate.order"), details.order or None),
        Fact(words("certificate.lot"), paper.lot),
        Fact(words("certificate.net_mass"), details.net_mass_kg, 0, words("unit.kg")),
        Fact(words("certificate.packaging"), details.packaging or None),
        Fact(words("certificate.steel_grade"), details.steel_grade or None),
        Fact(words("certificate.heat"), details.heat or None),
        Fact(words("certificate.chemistry"), chemistry or None),
        Fact(words("certificate.by"), paper.by_name),
        *((Fact(words("certificate.note"), details.note),) if details.note else ()),
    )


def _status(paper: Certificate, words: Words) -> Section:
    blocks: list[Block] = []
    if paper.supersedes is not None:
        blocks.append(Notice(words("certificate.supersedes", number=words.number(paper.supersedes))))
    if paper.doubts:
        reasons = [words(f"doubt.{doubt.code}", detail=_detail(doubt, words)) for doubt in paper.doubts]
        blocks.append(Notice("\n".join((words("certificate.cannot_be_signed"), *reasons)), "error"))
    return Section("", tuple(blocks))


def _detail(doubt: Doubt, words: Words) -> str:
    return limit_names(doubt.detail.split(", "), words) if doubt.code == "unverified" else doubt.detail


def _product(paper: Certificate, recipe: BallRecipe, words: Words) -> Section:
    standard, hardness = recipe.standard, recipe.hardness
    name = None
    if standard is not None:
        edition = standard.edition if standard.edition not in standard.name else ""
        body, _, number = standard.name.partition(" ")
        own = f"{words.known(f'standard.{body}', body)} {number}".strip()
        name = ", ".join(filter(None, (own, edition)))
    size = recipe.size
    deviations = f"{_signed(size.ei_mm.value, words)} / {_signed(size.es_mm.value, words)}"
    facts = (
        Fact(words("certificate.product"), recipe.product),
        Fact(words("certificate.size_label"), recipe.size_label),
        Fact(words("certificate.nominal"), size.d_nominal_mm, 1, words("unit.mm")),
        Fact(words("certificate.deviations"), deviations, unit=words("unit.mm")),
        Fact(words("certificate.group"), None if hardness is None else hardness.group),
        Fact(words("certificate.standard"), name),
        Fact(words("certificate.guard"), words(f"guard.{recipe.guard.rule}", k=_k(recipe, words))),
        Fact(words("certificate.recipe"), paper.recipe_sha256[:12]),
    )
    return Section(words("certificate.product_section"), (KeyValues(facts),))


def _balls(paper: Certificate, words: Words) -> Section:
    begin, end = (words.time(words.clock(when)) for when in (paper.first_utc_ns, paper.last_utc_ns))
    facts = (
        Fact(words("certificate.made_from_to"), f"{begin} – {end}"),
        Fact(words("certificate.inspected"), paper.balls),
        Fact(words("certificate.accepted"), paper.accepted),
        Fact(words("certificate.rejected"), paper.rejected),
    )
    blocks: list[Block] = [KeyValues(facts)]
    if paper.reasons:
        columns = (Column(words("lot.reason"), width=3.0), Column(words("lot.balls"), "number"))
        rows = tuple((reason_text(code, words), count) for code, count in paper.reasons.items())
        blocks.append(Table(columns, rows, words("certificate.reasons")))
    return Section(words("certificate.inspection_section"), tuple(blocks))


def _sizes(paper: Certificate, recipe: BallRecipe, words: Words) -> Section:
    sizes, unit = paper.sizes, words("unit.mm")
    if sizes is None:
        return Section(words("certificate.size_section"), (Notice(words("lot.no_sizes"), "warning"),))
    facts = [
        Fact(words("lot.measured_balls"), sizes["count"]),
        Fact(words("size.mean"), sizes["mean_mm"], 3, unit),
        Fact(words("size.expanded_mean"), sizes["expanded_mean_mm"], 3, unit),
        Fact(words("size.s"), sizes["s_mm"], 3, unit),
        Fact(words("size.smallest"), sizes["smallest_mm"], 2, unit),
        Fact(words("size.largest"), sizes["largest_mm"], 2, unit),
        Fact(words("size.expanded"), sizes["expanded_mm"], 3, unit),
    ]
    if recipe.form.roundness_max_mm is not None or sizes["roundness_max_mm"] is not None:
        facts.append(Fact(words("size.roundness"), sizes["roundness_max_mm"], 3, unit))
    return Section(
        words("certificate.size_section"), (KeyValues(tuple(facts)), Paragraph(words("size.note")))
    )


def _hardness(lab: LabData, recipe: BallRecipe, words: Words) -> Section:
    title = words("certificate.hardness_section")
    if not lab.hardness:
        return Section(title, (Notice(words("lab.no_hardness"), "warning"),))
    wanted = recipe.hardness
    surface = [
        depth_mean_hrc(row["readings"]["surface"]) for row in lab.hardness if row["readings"].get("surface")
    ]
    balls = [ball_hardness(row["readings"], lab.tables.volume_hardness) for row in lab.hardness]
    volume = [ball.volume_hrc for ball in balls if ball.volume_hrc is not None]
    blocks: list[Block] = [hardness_table(lab, words), *formula_notes(lab, words)]
    for key, values, limit in (
        ("surface", surface, None if wanted is None else wanted.surface_hrc_min),
        ("volume", volume, None if wanted is None else wanted.volume_hrc_min),
    ):
        if limit is not None and not values:
            blocks.append(
                Notice(words(f"hardness.{key}_missing", limit=words.number(limit.value, 1)), "warning")
            )
        elif limit is not None:
            least = min(values)
            word = "low" if least < limit.value else "met"
            text = words(
                f"hardness.{key}_{word}", least=words.number(least, 1), limit=words.number(limit.value, 1)
            )
            blocks.append(Notice(text, "error" if word == "low" else "info"))
    return Section(title, tuple(blocks))


def _samples(lab: LabData, words: Words) -> Section:
    if not lab.samples:
        return Section(words("lab.samples"), ())
    blocks: list[Block] = [replace(sample_table(lab.samples, words), title="")]
    if any(row["nonconforming"] >= row["reject"] for row in lab.samples):
        blocks.append(Notice(words("lab.sample_failed"), "error"))
    return Section(words("lab.samples"), tuple(blocks))


def _not_inspected(words: Words) -> Section:
    text = "\n".join(f"– {words(f'not_inspected.{key}')}" for key in _NOT_INSPECTED)
    return Section(words("certificate.not_inspected_section"), (Paragraph(text),))


def _limits(recipe: BallRecipe, words: Words) -> Section:
    """The limits of size, form and hardness with their sources."""
    size, form, hardness = recipe.size, recipe.form, recipe.hardness
    named: list[tuple[str, Limit | None]] = [
        ("nominal_mm", size.nominal_mm),
        ("es_mm", size.es_mm),
        ("ei_mm", size.ei_mm),
        ("ovality_max_mm", form.ovality_max_mm),
        ("ovality_max_share", form.ovality_max_share),
        ("roundness_max_mm", form.roundness_max_mm),
        ("surface_hrc_min", hardness.surface_hrc_min if hardness is not None else None),
        ("volume_hrc_min", hardness.volume_hrc_min if hardness is not None else None),
    ]
    columns = (
        Column(words("limit.name"), width=2.2),
        Column(words("limit.value"), "number", 2, width=0.9),
        Column(words("limit.source"), width=4.0),
        Column(words("limit.verified"), width=1.1),
    )
    rows: list[tuple[Any, ...]] = [
        (
            words(f"limit.{name}"),
            limit.value,
            limit.source,
            words("limit.is_verified" if limit.verified else "limit.is_not"),
        )
        for name, limit in named
        if limit is not None
    ]
    return Section(words("certificate.limits_section"), (Table(columns, tuple(rows)),))


def _signed(value: float, words: Words) -> str:
    return f"{'+' if value > 0 else ''}{words.number(value, 1)}"


def _k(recipe: BallRecipe, words: Words) -> str:
    return "" if recipe.guard.k is None else words.number(recipe.guard.k, 3)


def _digits(value: float) -> int:
    """As many places as it was written with."""
    return len(repr(value).partition(".")[2])
