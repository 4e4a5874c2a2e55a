"""Which rows of a rail's strips go into a capture bundle, and which of them a person has gone through.

Pure: rows in, cuts out. Neighbour: `yard_bundle` cuts the pictures and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_runtime.yard.corrections import standing, strip_rows
from edge_runtime.yard.store_types import RailView
from vision.yard.types import YardFinding

#: rows of one picture; strips are cut into so many, boxes are not cut where it can be helped
PICTURE_ROWS = 1024
#: rows shown above and below a corrected finding that lies where nobody has gone through
_ROUND_ROWS = 128
_LABELS = frozenset({"confirm", "dismiss", "correct", "add"})

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows [first_row, last_row) of one camera. `labelled`: a person has gone through all of them."""

    camera: str
    first_row: int
    last_row: int
    labelled: bool


def cuts_of(view: RailView) -> list[Cut]:
    """Cuts of a rail: what people have gone through, and what is around the findings they spoke of.

    Rows that no camera saw are never labelled.
    """
    found: list[Cut] = []
    for camera, (first, last) in strip_rows(view.strips).items():
        whole = (int(first), int(last))
        boxes = sorted(_box_rows(view.findings, camera))
        seen = _without(_gone_through(view, camera, whole), _unseen(view, camera))
        if view.kind == "photos":
            labelled = [span for span in seen if span == whole]  # a photo is one picture: all of it, or not
            rest = [whole] if not labelled else []
        else:
            labelled = [part for span in seen for part in pieces(span, boxes)]
            rest = _without(_around(view, camera, whole), labelled)
        found += [Cut(camera, *span, labelled=True) for span in labelled]
        rest = _spoken_of(view, camera, rest)
        found += [Cut(camera, *span, labelled=False) for span in rest]
    return found


def pieces(span: Span, boxes: Sequence[Span]) -> list[Span]:
    """A span in pieces of about `PICTURE_ROWS`, cut between boxes where that leaves at least half a piece."""
    first, last = span
    found = []
    while last - first > PICTURE_ROWS:
        end = first + PICTURE_ROWS
        while hit := [upper for upper, lower in boxes if upper < end < lower]:
            end = min(hit)
        if end - first < PICTURE_ROWS // 2:
            end = first + PICTURE_ROWS  # the box is longer than a piece: it is cut, its parts are labelled
        found.append((first, end))
        first = end
    return [*found, (first, last)]


def _gone_through(view: RailView, camera: str, whole: Span) -> list[Span]:
    spans = [(round(part.first_row), round(part.last_row)) for part in view.reviewed if part.camera == camera]
    spans += [
        (look.first_row, look.last_row)
        for look in view.looks
        if look.camera == camera and look.answer is not None
    ]
    clipped = [(max(a, whole[0]), min(b, whole[1])) for a, b in spans]
    return _joined(clipped)


def _unseen(view: RailView, camera: str) -> list[Span]:
    return [
        (int(gap.first_row), -int(-gap.last_row // 1)) for gap in view.rail_map.unseen if gap.camera == camera
    ]


def _box_rows(findings: Iterable[YardFinding], camera: str) -> list[Span]:
    return [
        (int(box.xyxy_px[1]), -int(-box.xyxy_px[3] // 1))
        for finding in findings
        for box in finding.boxes
        if box.camera == camera
    ]


def _corrected(view: RailView) -> list[YardFinding]:
    names = {entry.finding for entry in standing(view.corrections) if entry.kind in _LABELS}
    return [finding for finding in (*view.originals, *view.findings) if finding.id in names]


def _around(view: RailView, camera: str, whole: Span) -> list[Span]:
    rows = _box_rows(_corrected(view), camera)
    return _joined([(max(whole[0], a - _ROUND_ROWS), min(whole[1], b + _ROUND_ROWS)) for a, b in rows])


def _spoken_of(view: RailView, camera: str, spans: Sequence[Span]) -> list[Span]:
    """Those spans that hold a box somebody spoke of."""
    rows = _box_rows(_corrected(view), camera)
    return [span for span in spans if any(a < span[1] and b > span[0] for a, b in rows)]


def _joined(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for first, last in sorted(span for span in spans if span[1] > span[0]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _without(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Spans less holes."""
    left = list(spans)
    for upper, lower in holes:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, upper)), (max(first, lower), last))
            if part[1] > part[0]
        ]
    return _joined(left)
