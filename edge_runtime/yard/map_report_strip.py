"""The rail in the report: line under line from left to right, findings at their places, the unseen hatched.

One SVG with the pictures in it. Neighbours: `strip_pictures` gives the pictures, `map_report` puts it on
the page.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from html import escape

from edge_runtime.reports.words import Words
from edge_runtime.yard.strip_pictures import COLOURS, OTHER_COLOUR, ShownStrip, packed
from vision.rail_map.types import MapFinding, RailMap
from vision.yard.types import CutList

_WIDTH, _BAND, _GAP, _AXIS, _NAMES, _CUTS = 1000, 34, 3, 14, 13, 7
#: Pixels of a line's picture per unit of the drawing.
_FINE = 2
_MOST_LINES = 10
_STEPS: tuple[int, ...] = tuple(base * 10**power for power in range(7) for base in (1, 2, 5))
_GREEN, _AMBER, _RED, _BLUE = "#3a9a67", "#d9a22b", "#d1495b", "#2f7ebc"


def rail_svg(
    rail_map: RailMap, strips: Mapping[str, ShownStrip], cut_list: CutList | None, words: Words
) -> str:
    """The `<svg>` element of a whole rail.

    Args:
        rail_map: of the rail.
        strips: by camera; one band each.
        cut_list: a bar under the rail, green for charges (amber: downgraded), red for cuts; None: no bar.
        words: of the reader's language.
    """
    step = line_rows(rail_map)
    lines = range(0, max(1, rail_map.rows), step)
    height = _AXIS + len(strips) * (_BAND + _GAP) + (_CUTS if cut_list else 0) + _NAMES + 8
    parts = [_Line(rail_map, strips, cut_list, words, first, step).svg() for first in lines]
    body = "".join(
        f'<g transform="translate(0 {number * height})">{part}</g>' for number, part in enumerate(parts)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {len(parts) * height}" font-size="10" '
        'font-family="DejaVu Sans, Noto Sans, Arial, sans-serif">'
        '<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="8" height="8" fill="#8a939d" fill-opacity=".55"/>'
        '<rect width="4" height="8" fill="#f2c94c" fill-opacity=".75"/></pattern></defs>'
        f"{body}</svg>"
    )


def line_rows(rail_map: RailMap) -> int:
    """Rows of one line: a round number of millimetres where there is a scale, else of rows."""
    unit = 1.0 if rail_map.row_mm is None else 100.0 / rail_map.row_mm
    for step in _STEPS:
        if rail_map.rows <= step * unit * _MOST_LINES:
            return max(1, round(step * unit))
    return max(1, -(-rail_map.rows // _MOST_LINES))


class _Line:
    """One line of the drawing: rows [first, first + step)."""

    def __init__(
        self,
        rail_map: RailMap,
        strips: Mapping[str, ShownStrip],
        cut_list: CutList | None,
        words: Words,
        first: int,
        step: int,
    ) -> None:
        self.map, self.cut_list, self.words = rail_map, cut_list, words
        self.first, self.step = first, step
        self.last = min(first + step, rail_map.rows)
        #: cut to the head as it lies on this line
        self.strips = {name: strip.narrowed(first, self.last) for name, strip in strips.items()}
        self.bands = {name: _AXIS + number * (_BAND + _GAP) for number, name in enumerate(strips)}
        self.bottom = _AXIS + len(strips) * (_BAND + _GAP)

    def svg(self) -> str:
        """The line's elements."""
        return "".join((*self._pictures(), *self._unseen(), *self._ends(), *self._findings(), *self._cuts(),
                        *self._axis()))  # fmt: skip

    def _x(self, row: float) -> float:
        return (min(max(row, self.first), self.last) - self.first) * _WIDTH / self.step

    def _inside(self, first: float, last: float) -> bool:
        return last > self.first and first < self.last

    def _pictures(self) -> Iterator[str]:
        width = max(1, round((self.last - self.first) * _WIDTH / self.step))
        for name, strip in self.strips.items():
            picture = packed(strip.lying(self.first, self.last, width * _FINE, _BAND * _FINE), ".jpg", name)
            data = base64.b64encode(picture).decode("ascii")
            yield (
                f'<image x="0" y="{self.bands[name]}" width="{width}" height="{_BAND}" '
                f'preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'
            )

    def _unseen(self) -> Iterator[str]:
        for one in self.map.unseen:
            if one.camera in self.bands and self._inside(one.first_row, one.last_row):
                title = escape(f"{self.words(f'yard_unseen.{one.cause}')} {one.frames}")
                x, end = self._x(one.first_row), self._x(one.last_row)
                yield (
                    f'<rect x="{x:.1f}" y="{self.bands[one.camera]}" width="{max(1.0, end - x):.1f}" '
                    f'height="{_BAND}" fill="url(#hatch)"><title>{title}</title></rect>'
                )

    def _ends(self) -> Iterator[str]:
        for end in (self.map.start, self.map.end):
            # The last row's lower edge belongs to the last line.
            if self.first <= end.row < self.last or end.row == self.last == self.map.rows:
                dash = "" if end.seen else ' stroke-dasharray="4 3"'
                yield (
                    f'<line x1="{self._x(end.row):.1f}" x2="{self._x(end.row):.1f}" y1="{_AXIS - 4}" '
                    f'y2="{self.bottom + 2}" stroke="{_BLUE}" stroke-width="2"{dash}/>'
                )

    def _findings(self) -> Iterator[str]:
        free_x = 0.0
        for one in self.map.findings:
            if not self._inside(one.first_row, one.last_row):
                continue
            colour = _hex(COLOURS.get(one.label, OTHER_COLOUR))
            for box in one.boxes:
                if box.camera in self.bands:
                    yield self._box(one, box.camera, box.xyxy_px, colour)
            x = self._x(one.first_row)
            if x >= free_x and one.first_row >= self.first:
                yield f'<text x="{x:.1f}" y="{self._names_y()}" fill="{colour}">{escape(one.id)}</text>'
                free_x = x + 6.5 * len(one.id) + 4

    def _names_y(self) -> int:
        return self.bottom + (_CUTS if self.cut_list else 0) + 9

    def _box(self, one: MapFinding, camera: str, xyxy: tuple[float, float, float, float], colour: str) -> str:
        strip = self.strips[camera]
        x, end = self._x(xyxy[1]), self._x(xyxy[3])
        scale = _BAND / strip.width_px
        # The rail is turned, not mirrored: the strip's first column lies at the bottom.
        low = min(_BAND, max(0.0, (xyxy[0] - strip.left_px) * scale))
        high = min(_BAND, max(0.0, (xyxy[2] - strip.left_px) * scale))
        tall = max(3.0, high - low)
        y = self.bands[camera] + _BAND - low - tall
        label = self.words.known(f"yard_label.{one.label}", one.label)
        title = escape(f"{one.id} {label} {one.score:.2f}")
        return (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(3.0, end - x):.1f}" height="{tall:.1f}" '
            f'fill="{colour}" fill-opacity=".22" stroke="{colour}" stroke-width="1.2">'
            f"<title>{title}</title></rect>"
        )

    def _cuts(self) -> Iterator[str]:
        if self.cut_list is None or self.map.row_mm is None:
            return
        rows_per_m = 1000.0 / self.map.row_mm
        stretches = [(cut.start_m, cut.end_m, _RED) for cut in self.cut_list.cuts]
        stretches += [
            (one.start_m, one.end_m, _AMBER if one.downgraded else _GREEN) for one in self.cut_list.pieces
        ]
        for start, end, colour in stretches:
            first = self.map.start.row + start * rows_per_m
            last = self.map.start.row + end * rows_per_m
            if self._inside(first, last):
                # A hair between two pieces shows the saw's cut.
                x, to = self._x(first), self._x(last)
                yield (
                    f'<rect x="{x + 0.5:.1f}" y="{self.bottom + 1}" width="{max(0.8, to - x - 1.0):.1f}" '
                    f'height="{_CUTS - 3}" fill="{colour}"/>'
                )

    def _axis(self) -> Iterator[str]:
        """Ticks at round places, ten to a full line; every second one says its place."""
        zero = 0.0 if self.map.row_mm is None else self.map.start.row
        tick = self.step / 10.0
        for number in range(math.ceil((self.first - zero) / tick), math.floor((self.last - zero) / tick) + 1):
            row = zero + number * tick
            x = round((row - self.first) * _WIDTH / self.step, 1)
            yield f'<line x1="{x}" x2="{x}" y1="{_AXIS - 3}" y2="{_AXIS}" stroke="var(--soft)"/>'
            if number % 2 == 0 and x < 0.96 * _WIDTH:
                yield f'<text x="{x}" y="{_AXIS - 5}" fill="var(--soft)">{escape(self._place(row))}</text>'

    def _place(self, row: float) -> str:
        metres = self.map.position_m(row)
        if metres is None:
            return self.words("rail_map.row_at", row=self.words.number(round(row)))
        return self.words("rail_map.metre_at", metres=self.words.number(metres, 2))


def _hex(bgr: tuple[int, int, int]) -> str:
    return f"#{bgr[2]:02x}{bgr[1]:02x}{bgr[0]:02x}"
