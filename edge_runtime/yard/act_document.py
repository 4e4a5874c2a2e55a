"""An acceptance act as a report in Russian, Kazakh or English: head, order of the sections, signatures.

A draft says DRAFT over every page, an act that another one has taken the place of says so with that one's
number; neither has a line to sign on. Neighbours: `act_load` (masses, certificates, pieces),
`act_rails` (grades, decisions, cut lists), `act_findings` (defects by code, what nobody inspected),
`act_scans` (what the scans do not show), `act_pictures`.
"""

from __future__ import annotations

from typing import Protocol

from edge_runtime.reports.document import (
    Block,
    Fact,
    KeyValues,
    Notice,
    Paragraph,
    Report,
    Section,
    Signature,
)
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent, act_number
from edge_runtime.yard.act_findings import coverage_section, defects_section, findings_section
from edge_runtime.yard.act_load import certificates_section, masses_section, pieces_section, yield_section
from edge_runtime.yard.act_pictures import Reader, pictures_section
from edge_runtime.yard.act_rails import cuts_section, decisions_section, rails_section, reasons_section
from edge_runtime.yard.act_scans import notes_section, unseen_section
from edge_runtime.yard.act_words import person_text, word

_NAMED = 12


class Numbered(Protocol):
    """The number of an act."""

    @property
    def year(self) -> int:
        """In which it was signed."""

    @property
    def number(self) -> int:
        """From 1 in that year."""


def act_report(
    content: ActContent,
    words: Words,
    *,
    sha256: str,
    superseded_by: Numbered | None = None,
    missing: tuple[str, ...] | None = None,
    picture: Reader | None = None,
) -> Report:
    """The act.

    Args:
        content: what it says.
        words: of its language, on the plant's clock.
        sha256: that the books keep of a signed act, and that whoever signs a draft names; never worked out
            anew, for a later version of the code may write the same content otherwise.
        superseded_by: the act that has taken its place since.
        missing: what a draft still lacks; None: what `content` itself can tell.
        picture: reads a picture's bytes; None: pictures are listed, not shown.
    """
    newer = "" if superseded_by is None else act_number(superseded_by.year, superseded_by.number)
    mark = words("yard_act.superseded_mark", number=newer) if newer else None
    if content.signed is None:
        mark = words("yard_act.draft_mark")
    sections = (
        _notices(content, words, content.missing() if missing is None else missing, newer),
        masses_section(content, words),
        certificates_section(content, words),
        pieces_section(content, words),
        defects_section(content, words),
        rails_section(content, words),
        decisions_section(content, words),
        reasons_section(content, words),
        cuts_section(content, words),
        yield_section(content, words),
        coverage_section(content, words),
        unseen_section(content, words),
        notes_section(content, words),
        findings_section(content, words),
        pictures_section(content, words, picture),
        _origin(content, words, sha256),
        _signed(content, words),
    )
    return Report(
        _title(content, words),
        " · ".join(filter(None, (content.supplier, content.vehicle))),
        words.language,
        _head(content, words),
        tuple(section for section in sections if section.blocks),
        watermark=mark,
        signatures=() if mark else (Signature(words("yard_act.deliverer_line"), content.deliverer),),
        made=words.clock(content.made_utc_ns if content.signed is None else content.signed.utc_ns),
    )


def _title(content: ActContent, words: Words) -> str:
    if not content.shown_number:
        return words("yard_act.draft_title")
    return words("yard_act.title", number=content.shown_number)


def _head(content: ActContent, words: Words) -> tuple[Fact, ...]:
    when = None if content.act_date is None else words.date(content.act_date)
    lines = (
        ("supplier", content.supplier),
        ("deliverer", content.deliverer),
        ("receiver", content.receiver),
        ("contract", content.contract),
        (f"vehicle_{content.vehicle_kind}", content.vehicle),
        ("scrap_class", content.scrap_class),
        ("scrap_kind", content.scrap_kind),
        ("scrap_grade", content.scrap_grade),
    )
    return (
        Fact(words("yard_act.number"), content.shown_number or None),
        Fact(words("yard_act.date"), when),
        *(Fact(words(f"yard_act.{name}"), text or None) for name, text in lines),
    )


def _notices(content: ActContent, words: Words, missing: tuple[str, ...], newer: str) -> Section:
    blocks: list[Block] = []
    if newer:
        blocks.append(Notice(words("yard_act.superseded_by", number=newer), "error"))
    if content.shown_supersedes:
        text = words("yard_act.supersedes", number=content.shown_supersedes, reason=content.supersedes_reason)
        blocks.append(Notice(text.strip(), "warning"))
    if content.signed is None and missing:
        lines = "\n".join(f"– {line}" for line in missing_lines(missing, words))
        blocks.append(Notice(f"{words('yard_act.lacks')}\n{lines}", "warning"))
    human = [rail.name for rail in content.rails if rail.final_grade == "human"]
    if human:
        blocks.append(Notice(words("yard_act.human_rails", rails=_named(human, words)), "error"))
    rejected = [rail.name for rail in content.rails if rail.final_grade == "rejected"]
    if rejected:
        blocks.append(Notice(words("yard_act.rejected_rails", rails=_named(rejected, words)), "error"))
    limits = _unverified(content)
    if limits:
        blocks.append(Notice(words("yard_act.unverified", count=words.number(len(limits))), "warning"))
    return Section("", tuple(blocks))


def missing_lines(missing: tuple[str, ...], words: Words) -> tuple[str, ...]:
    """What a draft lacks, a line each; the rails of `decision:RAIL` and `human:RAIL` share one."""
    rails: dict[str, list[str]] = {}
    lines: list[str] = []
    for name in missing:
        group, colon, rail = name.partition(":")
        if colon:
            rails.setdefault(group, []).append(rail)
        else:
            lines.append(word("yard_missing", name, words) or name)
    for group, names in rails.items():
        lines.append(f"{word('yard_missing', group, words)}: {_named(names, words)}")
    return tuple(lines)


def _named(names: list[str], words: Words) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return words("yard_act.and_more", names=shown, count=words.number(more)) if more > 0 else shown


def _origin(content: ActContent, words: Words, sha256: str) -> Section:
    models = sorted({part.model_sha256 for part in content.parts if part.model_sha256})
    recipes = sorted({grade.recipe_sha256 for _, grade in content.graded if grade.recipe_sha256})
    facts = (
        Fact(words("yard_act.model_hash"), "\n".join(models) or None),
        Fact(words("yard_act.recipe_hash"), "\n".join(recipes) or None),
        Fact(words("yard_act.act_hash"), sha256),
        Fact(words("yard_act.unverified_limits"), ", ".join(_unverified(content)) or None),
    )
    blocks: list[Block] = [KeyValues(facts)]
    if content.signed is not None:
        blocks.append(Paragraph(words("yard_act.signed_note")))
    return Section(words("yard_act.origin_section"), tuple(blocks))


def _unverified(content: ActContent) -> list[str]:
    return sorted({name for _, grade in content.graded for name in grade.unverified})


def _signed(content: ActContent, words: Words) -> Section:
    if content.signed is None:
        return Section("", ())
    person = content.signed
    account = words("yard_act.by_account", account=person.account)
    facts = (
        Fact(words("yard_act.receiver_signed"), f"{person_text(person, words)}\n{account}"),
        Fact(words("yard_act.deliverer"), content.deliverer or None),
    )
    return Section(words("yard_act.signatures_section"), (KeyValues(facts),))
