"""An acceptance act drawn up from the books: what is typed of a wagon, its rails and photos as they stand.

Nothing here decides: masses, class and certificates are those that the inspector typed, grades those of the
recipe with what people made of them. Neighbours: `act_content` is what comes out, `acts` numbers and signs.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from edge_runtime.yard.act_content import (
    ActContent,
    ActDecision,
    ActPerson,
    ActPhotos,
    ActPicture,
    ActRail,
)
from edge_runtime.yard.map_folder import STRIPS_FILE, StripIndex
from edge_runtime.yard.store_errors import YardRefused
from edge_runtime.yard.store_text import bad_value
from edge_runtime.yard.store_types import SCAN_FILE, Correction, Grading, RailView, WagonFields
from vision.recipe_parts import content_sha256

#: what the books know of the acts' times and numbers only when one is signed
_LATER = {"made_utc_ns": 0, "act_date": None}


def draw_up(
    fields: WagonFields, rails: Sequence[RailView], grading: Grading, storage: Path, now_ns: int
) -> ActContent:
    """The content of an act, without number, date and signature.

    Args:
        fields: what is typed of the wagon.
        rails: its rails and sets of photos.
        grading: for the words of classes and rows.
        storage: the folder that pictures lie under.
        now_ns: wall clock.

    Raises:
        YardRefused: 'bad_value', where what the books hold cannot be put into an act.
    """
    typed = {name: value for name, value in fields if name != "arrived_utc_ns"}
    try:
        return ActContent(
            made_utc_ns=now_ns,
            rails=tuple(_rail(view) for view in rails if view.kind == "rail"),
            photos=tuple(_photos(view) for view in rails if view.kind == "photos"),
            pictures=tuple(picture for view in rails for picture in _pictures(view, storage)),
            kind_names=grading.kind_names(),
            row_names=grading.row_names(),
            **typed,
        )
    except ValidationError as error:
        raise bad_value(error) from error


def missing(content: ActContent) -> tuple[str, ...]:
    """What has to be filled before it can be signed.

    Field names and `decision:RAIL` as `ActContent.missing`, but for the date, which signing gives; and
    `human:RAIL` for a rail of which it is not decided yet what becomes of it.
    """
    found = [name for name in content.missing() if name != "act_date"]
    undecided = {name for name in found if name.startswith("decision:")}
    found += [
        f"human:{rail.name}"
        for rail in content.rails
        if rail.final_grade == "human" and f"decision:{rail.name}" not in undecided
    ]
    return tuple(found)


def seen_sha256(content: ActContent) -> str:
    """Hash of what a person sees before signing: the same as long as nothing of it was changed."""
    return content_sha256(content.model_copy(update=_LATER))


def _rail(view: RailView) -> ActRail:
    typed = view.facts_by
    length_by, least = _length_by(view)
    return ActRail(
        name=view.name,
        grade=view.grade,
        decision=_decision(view),
        facts=view.facts,
        facts_by=None if typed is None else _typed_by(typed),
        length_is_least=least,
        length_by=length_by,
        welds=_counted(view, "weld"),
        bolt_holes=_counted(view, "bolt_hole"),
        attachments=_counted(view, "attachment"),
        findings=view.findings,
        unseen=view.rail_map.unseen,
        notes=view.rail_map.notes,
        model_sha256=view.rail_map.model_sha256,
    )


def _length_by(view: RailView) -> tuple[Literal["cameras", "inspector"] | None, bool]:
    """(who measured the length that the grade goes by, whether it is a least one): as `reasons.length_of`."""
    measured, typed = view.rail_map.length_m or None, view.facts.length_m
    least = view.rail_map.length_is_least
    if typed is not None and (measured is None or (least and typed >= measured)):
        return "inspector", False
    return (None, least) if measured is None else ("cameras", least)


def _typed_by(typed: Correction) -> ActPerson:
    return ActPerson(account=typed.by, utc_ns=typed.utc_ns, scan_file=typed.role == SCAN_FILE.role)


def _decision(view: RailView) -> ActDecision | None:
    """What a person made of the grade, where it still holds."""
    held = view.decision
    if held is None or not held.holds:
        return None
    by = ActPerson(account=held.by, utc_ns=held.utc_ns)
    return ActDecision(kind=held.kind, grade=held.grade, by=by, reason=held.reason)


def _counted(view: RailView, kind: str) -> int | None:
    """How many there are; None where nobody has looked for them, or said only that there are some."""
    found = sum(finding.kind == kind and finding.state != "dismissed" for finding in view.findings)
    word = view.facts.rows.get(kind)
    return found if found or word == "clear" else None


def _photos(view: RailView) -> ActPhotos:
    return ActPhotos(
        name=view.name,
        pictures=len(view.strips),
        grade=view.grade,
        decision=_decision(view),
        findings=view.findings,
        notes=view.rail_map.notes,
        model_sha256=view.rail_map.model_sha256,
    )


def _pictures(view: RailView, storage: Path) -> list[ActPicture]:
    """Photos; of a rail each camera's overview, and pictures of the findings that its grade rests on."""
    folder = storage / view.folder
    if view.kind == "photos":
        named = [("photo", part.file, "", part.camera) for part in view.strips]
    else:
        named = _map_pictures(view, folder)
    return [
        ActPicture.model_validate(
            {
                "kind": kind,
                "path": f"{view.folder}/{file}",
                "sha256": _file_sha256(folder / file),
                "rail": view.name,
                "finding": finding,
                "note": note[:400],
            }
        )
        for kind, file, finding, note in named
        if (folder / file).is_file()
    ]


def _map_pictures(view: RailView, folder: Path) -> list[tuple[str, str, str, str]]:
    index = _read_index(folder / STRIPS_FILE)
    if index is None:
        return []
    standing = {finding.id for finding in view.findings if finding.state != "dismissed"}
    grave = {reason.finding for reason in view.grade.reasons if reason.action != "leave"} & standing
    found = [("strip", camera.overview, "", camera.camera) for camera in index.cameras]
    return found + [
        ("finding", picture.file, picture.finding, picture.camera)
        for picture in index.findings
        if picture.finding in grave
    ]


def _read_index(path: Path) -> StripIndex | None:
    """The pictures that a map's folder holds; None where it has no such list.

    Raises:
        YardRefused: 'bad_value', the list is torn.
    """
    try:
        return StripIndex.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise YardRefused(
            "bad_value",
            f"the list of a rail's pictures cannot be read: {error}",
            values={"field": path.name, "why": type(error).__name__},
            where=str(path),
            todo="bring the rail's folder back from the backup",
        ) from error


def _file_sha256(path: Path) -> str:
    stat = path.stat()
    return _sha256_of(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8192)
def _sha256_of(path: Path, _changed_ns: int, _size: int) -> str:
    """Pictures do not change: one is read once, as long as its time and size are the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
