"""Pictures of an act: the gravest findings first, each checked against the hash that the act holds.

A picture that is gone, damaged or no longer the one that was signed for is said, never left out silently.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from edge_runtime.reports.document import (
    Block,
    Cell,
    Column,
    Gallery,
    LongTable,
    Notice,
    Paragraph,
    Picture,
    Section,
)
from edge_runtime.reports.words import Words
from edge_runtime.yard.act_content import ActContent, ActPicture
from edge_runtime.yard.act_totals import KindTotal, by_kind
from edge_runtime.yard.act_words import codes, finding_place, kind_name, word
from vision.yard.types import Action, YardFinding

#: Reads the bytes of a picture; None: there is no such file.
Reader = Callable[[ActPicture], bytes | None]
MOST_PICTURES = 24
MOST_STRIPS = 8
_COLUMNS = 4
_SIDE_PX, _STRIP_PX = 480, 2400
_QUALITY, _MOST_PX = 82, 64_000_000


def stored_pictures(storage: Path) -> Reader:
    """Reads from a storage folder; a path that leads out of it is no picture."""
    root = storage.resolve()

    def read(picture: ActPicture) -> bytes | None:
        place = (root / picture.path).resolve()
        if not place.is_relative_to(root):
            return None
        try:
            return place.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    return read


def pictures_section(content: ActContent, words: Words, reader: Reader | None) -> Section:
    """The pictures that are shown, what is wrong with others, and the list of all of them."""
    if not content.pictures:
        return Section("", ())
    blocks: list[Block] = []
    if reader is not None:
        blocks += _shown(content, words, reader)
    columns = tuple(
        Column(words(f"yard_act.{name}"))
        for name in ("rail", "finding", "picture_kind", "picture_file", "picture_hash", "remark")
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            picture.rail or None,
            picture.finding or None,
            word("yard_picture", picture.kind, words),
            picture.path,
            picture.sha256 or None,
            picture.note or None,
        )
        for picture in content.pictures
    )
    blocks.append(LongTable(columns, rows, words("yard_act.all_pictures")))
    return Section(words("yard_act.pictures_section"), tuple(blocks))


def _shown(content: ActContent, words: Words, reader: Reader) -> list[Block]:
    totals = {total.kind: total for total in by_kind(content)}
    faults: dict[str, list[str]] = {}
    pictures = _read(_gravest_first(content), MOST_PICTURES, _SIDE_PX, reader, faults)
    strips = [picture for picture in content.pictures if picture.kind == "strip"]
    drawn = _read(strips, MOST_STRIPS, _STRIP_PX, reader, faults)
    blocks: list[Block] = []
    for fault, paths in faults.items():
        text = words(f"yard_act.pictures_{fault}", count=words.number(len(paths)), example=paths[0])
        blocks.append(Notice(text, "error" if fault == "changed" else "warning"))
    if pictures:
        count = words.number(len(content.pictures) - len(strips))
        text = words("yard_act.pictures_shown", shown=words.number(len(pictures)), count=count)
        shown = tuple(Picture(data, _caption(one, content, totals, words)) for one, data in pictures)
        blocks += [Paragraph(text), Gallery(shown, columns=_COLUMNS)]
    if drawn:
        count = words.number(len(strips))
        blocks.append(Paragraph(words("yard_act.strips_shown", shown=words.number(len(drawn)), count=count)))
        blocks += [Picture(data, _caption(one, content, totals, words), 1.0) for one, data in drawn]
    return blocks


def _read(
    pictures: list[ActPicture], most: int, side_px: int, reader: Reader, faults: dict[str, list[str]]
) -> list[tuple[ActPicture, bytes]]:
    """The first pictures that can be shown, made small; what is wrong with others goes to `faults`."""
    found: list[tuple[ActPicture, bytes]] = []
    for picture in pictures:
        if len(found) == most:
            break
        data = reader(picture)
        fault = "gone" if data is None else _fault(picture, data)
        small = None if data is None or fault else _small(data, side_px)
        if small is None:
            faults.setdefault(fault or "unreadable", []).append(picture.path)
        else:
            found.append((picture, small))
    return found


def _fault(picture: ActPicture, data: bytes) -> str:
    changed = picture.sha256 and hashlib.sha256(data).hexdigest() != picture.sha256
    return "changed" if changed else ""


def _gravest_first(content: ActContent) -> list[ActPicture]:
    """Findings by what they do to their rail, then photos; dismissed findings are not shown."""
    actions = {action: place for place, action in enumerate(get_args(Action))}
    gravity: dict[tuple[str, str], int] = {}
    gone: set[tuple[str, str]] = set()
    for name, grade in content.graded:
        for reason in grade.reasons:
            key = (name, reason.finding)
            gravity[key] = max(gravity.get(key, 0), actions[reason.action])
    for part in content.parts:
        gone |= {(part.name, finding.id) for finding in part.findings if finding.state == "dismissed"}
    shown = [
        one
        for one in content.pictures
        if one.kind != "strip" and not (one.finding and (one.rail, one.finding) in gone)
    ]
    return sorted(shown, key=lambda one: (one.kind != "finding", -gravity.get((one.rail, one.finding), 0)))


def _small(data: bytes, side_px: int) -> bytes | None:
    """A JPEG that is small enough for paper; None where the bytes are no picture or a very large one."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as picture:
            if picture.width * picture.height > _MOST_PX:
                return None
            shown = picture.convert("RGB")
    except (OSError, Image.DecompressionBombError):
        return None
    shown.thumbnail((side_px, side_px))
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def _caption(picture: ActPicture, content: ActContent, totals: dict[str, KindTotal], words: Words) -> str:
    finding = _finding(picture, content)
    lines = [" · ".join(filter(None, (picture.rail, picture.finding)))]
    if finding is not None:
        total = totals[finding.kind] if finding.kind in totals else KindTotal(finding.kind)
        lines.append(kind_name(content, finding.kind, words))
        lines.append(" · ".join(filter(None, (codes(total.ru, total.uic), finding_place(finding, words)))))
    elif picture.kind != "finding":
        lines.append(word("yard_picture", picture.kind, words) or "")
    return "\n".join(filter(None, (*lines, picture.note)))


def _finding(picture: ActPicture, content: ActContent) -> YardFinding | None:
    return next(
        (
            finding
            for part in content.parts
            if part.name == picture.rail
            for finding in part.findings
            if finding.id == picture.finding
        ),
        None,
    )
