"""One act for a terminal, in short, and as JSON, whole."""

from __future__ import annotations

from collections import Counter

from edge_runtime.ledger.queries import utc_text
from edge_runtime.yard.act_content import ActCertificate, ActContent
from edge_runtime.yard.act_totals import by_kind, by_section, not_inspected, sum_of


def act_json(
    content: ActContent, sha256: str, missing: tuple[str, ...], superseded_by: str | None
) -> dict[str, object]:
    """All that the act says, with what follows from it."""
    signed = content.signed
    return {
        "act": content.shown_number or None,
        "sha256": sha256,
        "signed": signed is not None,
        "signed_utc": None if signed is None else utc_text(signed.utc_ns),
        "missing": list(missing),
        "superseded_by": superseded_by,
        "net_kg": content.net_kg,
        "accepted_kg": content.accepted_kg,
        "grades": dict(Counter(rail.final_grade for rail in content.rails)),
        "sections": {total.section or "": total.pieces for total in by_section(content)},
        "found": {total.kind: total.found for total in by_kind(content) if total.found},
        "content": content.model_dump(mode="json"),
    }


def act_text(content: ActContent, missing: tuple[str, ...], superseded_by: str | None) -> str:
    """A dozen lines."""
    signed = content.signed
    state = "DRAFT, not signed" if signed is None else f"signed by {signed.shown}, {utc_text(signed.utc_ns)}"
    if superseded_by is not None:
        state += f"; SUPERSEDED by {superseded_by}"
    rows = [
        ("act", content.shown_number or "-"),
        ("state", state),
        ("supersedes", content.shown_supersedes),
        ("supplier", content.supplier),
        ("delivered by", content.deliverer),
        ("contract", content.contract),
        (content.vehicle_kind, content.vehicle),
        ("class", " · ".join(filter(None, (content.scrap_class, content.scrap_kind, content.scrap_grade)))),
        ("mass, kg", _masses(content)),
        ("radiation", _certificate(content.radiation)),
        ("explosion", _certificate(content.explosion)),
        ("rails", _rails(content)),
        ("found", _found(content)),
        ("not inspected", ", ".join(not_inspected(content))),
        ("missing", ", ".join(missing)),
    ]
    return "\n".join(f"{name:<14} {value}" for name, value in rows if value)


def _masses(content: ActContent) -> str:
    named = (
        ("gross", content.gross_kg, 0),
        ("tare", content.tare_kg, 0),
        ("net", content.net_kg, 0),
        ("contamination %", content.contamination_percent, 2),
        ("after it", content.accepted_kg, 0),
    )
    return ", ".join(
        f"{name} {'-' if value is None else format(value, f'.{digits}f')}" for name, value, digits in named
    )


def _certificate(paper: ActCertificate | None) -> str:
    return "-" if paper is None else " ".join(filter(None, (paper.number, str(paper.issued_on or ""))))


def _rails(content: ActContent) -> str:
    grades = Counter(rail.final_grade for rail in content.rails)
    length = sum_of(content.rails, lambda rail: rail.grade.length_m)
    parts = [str(len(content.rails)), *(f"{count} {grade}" for grade, count in grades.most_common())]
    if length.value is not None:
        parts.append(f"{length.value:.2f} m (known of {length.known})")
    return ", ".join(parts)


def _found(content: ActContent) -> str:
    return ", ".join(f"{total.kind} {total.found}" for total in by_kind(content) if total.found)
