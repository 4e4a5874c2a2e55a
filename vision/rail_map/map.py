"""A scan in, one rail's map out: frames are taken as they come, then laid out, searched and joined.

Neighbours: whoever reads a scan (a folder, cameras at work) gives `ScanFrame`s here; `layout`, `assemble`,
`rail_strips`, `findings` and `unseen` are the steps, in this order. `vision.yard` grades what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vision.rail import RailDetector
from vision.rail_map.assemble import CameraStrip, assemble
from vision.rail_map.findings import Progress, SearchedCamera, find_marks
from vision.rail_map.frames import PlacedFrame
from vision.rail_map.intake import Intake
from vision.rail_map.layout import Layout, lay_out
from vision.rail_map.rail_strips import RailOnStrip, find_rail_on
from vision.rail_map.types import (
    MapCamera,
    MapFinding,
    Note,
    RailEnd,
    RailMap,
    ScanFrame,
    ScanGeometry,
    Unseen,
)
from vision.rail_map.unseen import find_unseen
from vision.rail_map.ways import row_height_mm


@dataclass(frozen=True, slots=True, eq=False)
class MappedRail:
    """A map with the pictures it rests on.

    `strips`: by camera. `frames`: all that came, by camera and number, with their places; doubled ones once.
    """

    map: RailMap
    strips: dict[str, CameraStrip]
    frames: tuple[PlacedFrame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the pictures show before anything is searched."""

    layout: Layout
    strips: dict[str, CameraStrip]
    frames: dict[str, tuple[PlacedFrame, ...]]
    rails: dict[str, RailOnStrip]
    ends: tuple[RailEnd, RailEnd]

    @property
    def found(self) -> bool:
        """A rail stands out on at least one strip."""
        return any(rail.rail is not None for rail in self.rails.values())


class RailMapper:
    """Takes the frames of one rail as they come, in any order, and makes the map when the last one is in.

    Pictures are kept until then, grey; those of a rail of 25 m at 0.5 mm/px and 512 px take 25 MB.

    Args:
        rail: its name.
        geometry: of the station.
    """

    def __init__(self, rail: str, geometry: ScanGeometry) -> None:
        self._rail = rail
        self._geometry = geometry
        self._intake = Intake(geometry)

    def add(self, frame: ScanFrame) -> Note | None:
        """Take a frame.

        Returns:
            Why it proves nothing (`black`, `unreadable`, `doubled` ...); None for a healthy one.

        Raises:
            ConfigError: the geometry does not know its camera.
        """
        return self._intake.add(frame)

    def finish(
        self,
        detector: RailDetector | None,
        *,
        model_sha256: str = "",
        thresholds: Mapping[str, float] | None = None,
        min_score: float = 0.05,
        progress: Progress | None = None,
    ) -> MappedRail:
        """Make the map of all frames that came. It gives the pictures away: a mapper finishes once.

        Args:
            detector: of the rail station; None: nothing is searched, the map has ends and unseen rows only.
            model_sha256: of the model's file, kept in the map.
            thresholds: scores from which findings of a label are kept; None: the contract's.
            min_score: boxes below it are not looked at when marks are put together.
            progress: called with (tiles looked at, tiles in all).

        Raises:
            ConfigError: no frame came, the encoder wraps within one, or numbers or counts are wild.
            ContractError: the model is for no rail, failed, or gave rubbish.
        """
        seen = self._look()
        findings: tuple[MapFinding, ...] = ()
        limits = dict(thresholds or {})
        if detector is not None:
            limits = dict(detector.contract.thresholds) if thresholds is None else limits
            findings = find_marks(
                [
                    SearchedCamera(camera, seen.rails[camera.name], seen.frames[camera.name])
                    for camera in self._geometry.cameras
                    if camera.name in seen.rails
                ],
                seen.ends,
                row_height_mm(self._geometry),
                detector,
                thresholds=limits,
                min_score=min_score,
                progress=progress,
            )
        made = self._map(seen, findings, limits, model_sha256)
        return MappedRail(made, seen.strips, tuple(one for own in seen.frames.values() for one in own))

    def _look(self) -> _Seen:
        """Lay the frames out, make strips, find the rail on them."""
        intake = self._intake
        layout = lay_out(intake.facts(), self._geometry)
        strips: dict[str, CameraStrip] = {}
        placed: dict[str, tuple[PlacedFrame, ...]] = {}
        rails: dict[str, RailOnStrip] = {}
        for camera in self._geometry.cameras:
            name = camera.name
            if name not in layout.frames:
                continue
            numbers = [frame.frame_number for frame in layout.frames[name]]
            strips[name], placed[name] = assemble(
                name,
                layout.frames[name],
                lambda k, name=name, numbers=numbers: intake.take(name, numbers[k]),  # type: ignore[misc]
                layout.rows,
                (0, intake.width_px(name)),
            )
            if camera.inspected:
                rails[name] = find_rail_on(strips[name])
                strips[name] = rails[name].strip
        return _Seen(layout, strips, placed, rails, _ends(list(rails.values()), layout.rows))

    def _map(
        self, seen: _Seen, findings: tuple[MapFinding, ...], limits: dict[str, float], model_sha256: str
    ) -> RailMap:
        row_mm = row_height_mm(self._geometry)
        start, end = seen.ends
        length = None if row_mm is None or not seen.found else (end.row - start.row) * row_mm / 1000.0
        notes = [*self._intake.notes(), *seen.layout.notes]
        if seen.rails and not seen.found:
            notes.append(Note(code="no_rail"))
        return RailMap(
            rail=self._rail,
            rows=seen.layout.rows,
            row_mm=row_mm,
            start=start,
            end=end,
            length_m=length,
            length_is_least=not (start.seen and end.seen),
            cameras=tuple(
                MapCamera(
                    name=camera.name,
                    element=camera.element,
                    inspected=camera.inspected,
                    width_px=seen.strips[camera.name].pixels.shape[1] if camera.name in seen.strips else 1,
                    mm_per_px=camera.mm_per_px,
                    frames=self._intake.given(camera.name),
                    left_out=self._intake.left_out(camera.name),
                )
                for camera in self._geometry.cameras
            ),
            findings=findings,
            unseen=(*_unseen(seen, row_mm), *self._silent(seen, row_mm)),
            thresholds=limits,
            model_sha256=model_sha256,
            notes=tuple(notes),
        )

    def _silent(self, seen: _Seen, row_mm: float | None) -> Iterator[Unseen]:
        """The whole rail, of each camera that gave no frame at all: it saw nothing, so it proves nothing."""
        start, end = seen.ends
        for camera in self._geometry.cameras:
            if camera.name not in seen.strips:
                yield Unseen(
                    camera=camera.name,
                    first_row=start.row,
                    last_row=end.row,
                    start_m=None if row_mm is None else 0.0,
                    end_m=None if row_mm is None else (end.row - start.row) * row_mm / 1000.0,
                    cause="missing_frame",
                    detail=(Note(code="no_frame"),),
                )


def build_map(
    rail: str,
    geometry: ScanGeometry,
    frames: Iterable[ScanFrame],
    detector: RailDetector | None,
    *,
    model_sha256: str = "",
    thresholds: Mapping[str, float] | None = None,
    min_score: float = 0.05,
    progress: Progress | None = None,
) -> MappedRail:
    """Make the map of one rail from all its frames; arguments and errors as those of `RailMapper`."""
    mapper = RailMapper(rail, geometry)
    for frame in frames:
        mapper.add(frame)
    return mapper.finish(
        detector, model_sha256=model_sha256, thresholds=thresholds, min_score=min_score, progress=progress
    )


def _ends(on_strips: Sequence[RailOnStrip], rows: int) -> tuple[RailEnd, RailEnd]:
    """Start and end of the rail: of the first camera that sees it, else the furthest that any shows."""
    rails = [one.rail for one in on_strips if one.rail is not None]
    if not rails:
        return RailEnd(row=0.0, seen=False), RailEnd(row=float(rows), seen=False)
    starts = [rail.start for rail in rails if rail.first_seen]
    ends = [rail.end for rail in rails if rail.last_seen]
    start = RailEnd(row=starts[0] if starts else min(rail.start for rail in rails), seen=bool(starts))
    return start, RailEnd(row=ends[0] if ends else max(rail.end for rail in rails), seen=bool(ends))


def _unseen(seen: _Seen, row_mm: float | None) -> tuple[Unseen, ...]:
    start, end = seen.ends

    def position_m(row: float) -> float | None:
        # Rows are whole, the rail's ends lie within one.
        return None if row_mm is None else (max(start.row, min(row, end.row)) - start.row) * row_mm / 1000.0

    reach = round(start.row) if start.seen else 0, round(end.row) if end.seen else seen.layout.rows
    found = []
    for name, strip in seen.strips.items():
        blind = seen.rails[name].blind if name in seen.rails else None
        found += find_unseen(name, seen.frames[name], strip.seen, blind, reach, position_m)
    return tuple(sorted(found, key=lambda one: (one.first_row, one.camera)))
