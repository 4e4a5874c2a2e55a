"""Rails in the yard's books: put in, read whole, listed, brought up to date after a correction.

Statements within their caller's transaction. Neighbours: `store` is what others call, `corrections` replays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from edge_runtime.day.rules import Who
from edge_runtime.yard import corrections as replay
from edge_runtime.yard.second_look import LookRule, draw, empty_stretches
from edge_runtime.yard.store_changes import Change, SetFacts
from edge_runtime.yard.store_db import locked, no_such
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_looks import looks_of
from edge_runtime.yard.store_text import bad_field, clean_text, plain_line
from edge_runtime.yard.store_types import (
    SCAN_FILE,
    Correction,
    Grading,
    NewRail,
    RailKind,
    RailLine,
    RailView,
    StripPart,
)
from edge_runtime.yard.store_wagons import read_wagon
from edge_runtime.yard.tables import CorrectionRow, FindingRow, LookAnswerRow, LookRow, RailRow
from vision.rail_map.types import RailMap
from vision.yard.types import GradeWord, RailGrade, TypedFacts

_NAME_MAX = 200


def insert_rail(
    connection: sa.Connection, new: NewRail, grading: Grading, rule: LookRule, now_ns: int
) -> int:
    """Put a rail into the books, with its findings, grade and the draws for a second look.

    Returns:
        Its number.

    Raises:
        YardRefused: 'name_taken', or 'bad_value' for a name or folder that cannot be.
    """
    _check_new(new)
    locked(connection, RailRow.__table__)
    if rail_number(connection, new.name) is not None:
        raise YardRefused(
            "name_taken",
            f"there is a rail '{new.name}' already",
            values={"rail": new.name},
            where=new.name,
            todo="give the scan another name; a rail is never scanned over",
        )
    found = grading.findings_of(new.rail_map)
    grade = grading.grade(new.kind, new.rail_map, found, TypedFacts())
    counts = replay.count_unconfirmed(found)
    row = {
        "name": new.name,
        "kind": new.kind,
        "scan": new.scan,
        "wagon_id": new.wagon_id,
        "map": replay.map_without_findings(new.rail_map),
        "folder": new.folder,
        "strips": {"parts": [part.model_dump(mode="json") for part in new.strips]},
        "model_sha256": new.rail_map.model_sha256,
        "length_m": new.rail_map.length_m,
        "scanned_utc_ns": new.scanned_utc_ns,
        "added_utc_ns": now_ns,
        "revision": 0,
        "recipe_sha256": grading.recipe_sha256,
        "grade": grade.model_dump(mode="json"),
        "final_grade": grade.grade,
        "state": "open",
        "findings": counts[0],
        "unconfirmed": counts[1],
    }
    made = connection.execute(sa.insert(RailRow).values(row).returning(RailRow.id))
    rail_id = int(made.scalar_one())
    _insert_findings(connection, rail_id, new.rail_map)
    stretches = empty_stretches(new.rail_map, new.strips, rule, photos=new.kind == "photos")
    looks = [
        {
            "rail_id": rail_id,
            "camera": drawn.camera,
            "first_row": drawn.first_row,
            "last_row": drawn.last_row,
            "share": rule.share,
            "seed": rule.seed,
            "utc_ns": now_ns,
        }
        for drawn in draw(new.name, stretches, rule)
    ]
    if looks:
        connection.execute(sa.insert(LookRow), looks)
    if new.facts is not None and new.facts != TypedFacts():
        _write_sheet(connection, rail_id, new.facts, grading, now_ns)
    return rail_id


def _write_sheet(
    connection: sa.Connection, rail_id: int, facts: TypedFacts, grading: Grading, now_ns: int
) -> None:
    """What the scan's sheet says, as the rail's first correction; an inspector sees, mends or undoes it."""
    view = read_rail(connection, rail_id, grading)
    change = SetFacts(facts=facts)
    write_correction(connection, view, change, replay.plan(change, view, grading), SCAN_FILE, now_ns)
    refresh_rail(connection, rail_id, grading)


def _check_new(new: NewRail) -> None:
    clean = clean_text("name", new.name, _NAME_MAX, plain_line)
    if not clean or clean != new.name:
        raise bad_field("name", f"1 to {_NAME_MAX} letters, without blanks around them")
    for name, path in [("folder", new.folder), *(("strips", part.file) for part in new.strips)]:
        parts = path.split("/")
        if not path or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
            raise bad_field(name, "a path below its folder, with slashes")
    known = {camera.name for camera in new.rail_map.cameras}
    strangers = sorted({part.camera for part in new.strips} - known)
    if strangers:
        raise bad_field("strips", f"the map has no camera '{strangers[0]}'")
    ids = [finding.id for finding in new.rail_map.findings]
    if len(set(ids)) != len(ids):
        raise bad_field("rail_map", "two findings have one id")


def _insert_findings(connection: sa.Connection, rail_id: int, rail_map: RailMap) -> None:
    rows = [
        {
            "rail_id": rail_id,
            "finding": finding.id,
            "label": finding.label,
            "score": finding.score,
            "start_m": finding.start_m,
            "end_m": finding.end_m,
            "content": finding.model_dump(mode="json"),
        }
        for finding in rail_map.findings
    ]
    if rows:
        connection.execute(sa.insert(FindingRow), rows)


def rail_number(connection: sa.Connection, name: str) -> int | None:
    """The number of the rail of a name; None where there is none."""
    found = connection.execute(sa.select(RailRow.id).where(RailRow.name == name)).scalar_one_or_none()
    return None if found is None else int(found)


def read_rail(
    connection: sa.Connection, rail_id: int, grading: Grading, *, to_change: bool = False
) -> RailView:
    """One rail with all that is known of it; its grade is the one of now.

    Args:
        connection: of the ledger.
        rail_id: its number.
        grading: the recipe; the kept grade is taken where it was made with the same one.
        to_change: hold the row until the transaction ends (databases that need it said).

    Raises:
        YardRefused: 'no_such_rail'.
    """
    query = sa.select(RailRow.__table__).where(RailRow.id == rail_id)
    row = connection.execute(query.with_for_update() if to_change else query).mappings().one_or_none()
    if row is None:
        raise no_such("no_such_rail", "rail", rail_id)
    rail_map = _read_map(connection, rail_id, row["map"])
    said = read_corrections(connection, rail_id)
    originals = grading.findings_of(rail_map)
    found = replay.apply(originals, said)
    facts, facts_by = replay.facts_of(said)
    if row["recipe_sha256"] == grading.recipe_sha256:
        grade = RailGrade.model_validate(row["grade"])
    else:
        grade = grading.grade(cast(RailKind, row["kind"]), rail_map, found, facts)
    return RailView(
        rail_id=rail_id,
        name=row["name"],
        kind=cast(RailKind, row["kind"]),
        wagon_id=row["wagon_id"],
        revision=row["revision"],
        rail_map=rail_map,
        originals=originals,
        findings=found,
        facts=facts,
        facts_by=facts_by,
        grade=grade,
        decision=replay.decision_of(said, grade),
        corrections=said,
        folder=row["folder"],
        strips=tuple(StripPart.model_validate(part) for part in row["strips"]["parts"]),
        looks=tuple(looks_of(connection, rail_id=rail_id)),
        reviewed=replay.reviewed_of(said),
        scanned_utc_ns=row["scanned_utc_ns"],
        scan=row["scan"],
    )


def _read_map(connection: sa.Connection, rail_id: int, kept: dict[str, Any]) -> RailMap:
    query = sa.select(FindingRow.content).where(FindingRow.rail_id == rail_id).order_by(FindingRow.id)
    return RailMap.model_validate({**kept, "findings": list(connection.execute(query).scalars())})


def read_corrections(connection: sa.Connection, rail_id: int, after: int = 0) -> tuple[Correction, ...]:
    """Corrections of a rail in their order, those above number `after`."""
    query = (
        sa.select(CorrectionRow.__table__)
        .where(CorrectionRow.rail_id == rail_id, CorrectionRow.number > after)
        .order_by(CorrectionRow.number)
    )
    return tuple(
        Correction(
            row["number"],
            row["kind"],
            row["finding"],
            row["before"],
            row["after"],
            row["reason"],
            row["by_name"],
            row["role"],
            row["utc_ns"],
            row["asked"],
        )
        for row in connection.execute(query).mappings()
    )


def write_correction(
    connection: sa.Connection, view: RailView, change: Change, planned: replay.Planned, who: Who, utc_ns: int
) -> None:
    """Write a correction down as the next of its rail; `refresh_rail` is due after it."""
    row = {
        "rail_id": view.rail_id,
        "number": view.revision + 1,
        "kind": change.kind,
        "finding": planned.finding,
        "asked": change.model_dump(mode="json"),
        "before": planned.before,
        "after": planned.after,
        "reason": change.reason,
        "by_name": who.name,
        "role": who.role,
        "utc_ns": utc_ns,
    }
    connection.execute(sa.insert(CorrectionRow).values(row))
    connection.execute(
        sa.update(RailRow).where(RailRow.id == view.rail_id).values(revision=view.revision + 1)
    )


def assign(connection: sa.Connection, rail_id: int, wagon_id: int | None) -> None:
    """Say which wagon a rail came with.

    Raises:
        YardRefused: 'no_such_wagon'.
    """
    if wagon_id is not None:
        read_wagon(connection, wagon_id)
    connection.execute(sa.update(RailRow).where(RailRow.id == rail_id).values(wagon_id=wagon_id))


def refresh_rail(connection: sa.Connection, rail_id: int, grading: Grading) -> RailView:
    """Grade a rail anew and keep grade, state and counts beside it, for lists."""
    before = read_rail(connection, rail_id, grading)
    grade = grading.grade(before.kind, before.rail_map, before.findings, before.facts)
    counts = replay.count_unconfirmed(before.findings)
    connection.execute(
        sa.update(RailRow)
        .where(RailRow.id == rail_id)
        .values(
            grade=grade.model_dump(mode="json"),
            recipe_sha256=grading.recipe_sha256,
            findings=counts[0],
            unconfirmed=counts[1],
            length_m=grade.length_m,
        )
    )
    view = read_rail(connection, rail_id, grading)
    state = "finished" if view.finished else "decided" if view.decided else "open"
    connection.execute(
        sa.update(RailRow).where(RailRow.id == rail_id).values(final_grade=view.final_grade, state=state)
    )
    return view


def graded_by_another(connection: sa.Connection, recipe_sha256: str) -> list[int]:
    """Numbers of the rails whose kept grade another recipe gave."""
    query = sa.select(RailRow.id).where(RailRow.recipe_sha256 != recipe_sha256).order_by(RailRow.id)
    return [int(number) for number in connection.execute(query).scalars()]


def list_rails(
    connection: sa.Connection,
    *,
    wagon_id: int | None = None,
    unassigned: bool = False,
    limit: int = 50,
    before: int | None = None,
) -> list[RailLine]:
    """Rails, the newest first; `before`: only those of a smaller number, to page on."""
    query = sa.select(RailRow.__table__).order_by(RailRow.id.desc()).limit(limit)
    if wagon_id is not None:
        query = query.where(RailRow.wagon_id == wagon_id)
    if unassigned:
        query = query.where(RailRow.wagon_id.is_(None))
    if before is not None:
        query = query.where(RailRow.id < before)
    return [_line(row) for row in connection.execute(query).mappings()]


def corrected_rails(connection: sa.Connection, since_utc_ns: int) -> list[int]:
    """Numbers of the rails with a person's correction or answer since then, in the order they came."""
    by_people = CorrectionRow.role != SCAN_FILE.role
    said = sa.select(CorrectionRow.rail_id).where(CorrectionRow.utc_ns >= since_utc_ns, by_people)
    looked = sa.select(LookRow.rail_id).join(LookAnswerRow).where(LookAnswerRow.utc_ns >= since_utc_ns)
    both = sa.union(said, looked).subquery()
    query = sa.select(both.c.rail_id).order_by(both.c.rail_id)
    return [int(number) for number in connection.execute(query).scalars()]


def _line(row: sa.RowMapping) -> RailLine:
    return RailLine(
        rail_id=row["id"],
        name=row["name"],
        kind=cast(RailKind, row["kind"]),
        wagon_id=row["wagon_id"],
        revision=row["revision"],
        grade=cast(GradeWord, row["grade"]["grade"]),
        final_grade=cast(GradeWord, row["final_grade"]),
        decided=row["state"] in ("decided", "finished"),
        finished=row["state"] == "finished",
        findings=row["findings"],
        unconfirmed=row["unconfirmed"],
        length_m=row["length_m"],
        unseen_m=row["grade"]["unseen_m"],
        scanned_utc_ns=row["scanned_utc_ns"],
    )


def rails_of(connection: sa.Connection, wagon_id: int, grading: Grading) -> Sequence[RailView]:
    """All rails and photo sets of a wagon, in the order they came."""
    query = sa.select(RailRow.id).where(RailRow.wagon_id == wagon_id).order_by(RailRow.id)
    numbers = [int(number) for number in connection.execute(query).scalars()]
    return [read_rail(connection, number, grading) for number in numbers]
