"""Frames as they come: judged one by one, doubled ones left out, kept by camera and number.

Neighbours: `map.RailMapper` feeds it; `layout` gets the facts, `assemble` the pictures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from vision.errors import ConfigError
from vision.health import FrameMemory
from vision.rail_map.frames import FrameFacts
from vision.rail_map.health import picture_fault
from vision.rail_map.layout import number_ranges
from vision.rail_map.motion import thin
from vision.rail_map.types import LeftOut, Note, ScanFrame, ScanGeometry
from vision.silhouette import as_grey
from vision.types import UInt8Array


@dataclass(slots=True)
class _Camera:
    """What has come of one camera so far."""

    memory: FrameMemory = field(default_factory=FrameMemory)
    facts: dict[int, FrameFacts] = field(default_factory=dict)
    pictures: dict[int, UInt8Array] = field(default_factory=dict)
    highest: int | None = None
    given: int = 0
    late: list[int] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


class Intake:
    """Takes frames in any order.

    Args:
        geometry: names the cameras.
    """

    def __init__(self, geometry: ScanGeometry) -> None:
        self._cameras = {camera.name: _Camera() for camera in geometry.cameras}

    def add(self, frame: ScanFrame) -> Note | None:
        """Take a frame; as `map.RailMapper.add`."""
        own = self._cameras.get(frame.camera)
        if own is None:
            raise ConfigError(
                f"the scan has a frame of camera '{frame.camera}', but its cameras are "
                f"{', '.join(self._cameras)}",
                where=frame.file,
                todo="name the camera in the scan's description, or take its frames out",
            )
        own.given += 1
        number = frame.frame_number
        fault, own.memory = picture_fault(frame.image, own.memory)
        known = own.facts.get(number)
        if known is not None:
            own.doubled.append(frame.file)
            if fault or not known.fault:
                return Note(code="doubled")
        elif own.highest is not None and number < own.highest:
            own.late.append(number)
        own.highest = number if own.highest is None else max(number, own.highest)
        grey = None if fault or frame.image is None else as_grey(frame.image)
        own.facts[number] = FrameFacts(
            camera=frame.camera,
            number=number,
            first_count=frame.first_count,
            last_count=frame.last_count,
            file=frame.file,
            rows=0 if grey is None else grey.shape[0],
            fault=fault,
            thin=None if grey is None else thin(grey),
        )
        if grey is not None:
            own.pictures[number] = grey
        return fault

    def facts(self) -> dict[str, list[FrameFacts]]:
        """Facts of all frames by camera, in the order of their numbers.

        A camera's pictures are as wide as most of them; another width is a fault.
        """
        made = {}
        for name, own in self._cameras.items():
            widths = Counter(picture.shape[1] for picture in own.pictures.values())
            usual = widths.most_common(1)[0][0] if widths else 0
            for number, picture in list(own.pictures.items()):
                if picture.shape[1] != usual:
                    sides = {"width": picture.shape[1], "usual": usual}
                    fault = Note(code="shape_width", values=sides)
                    own.facts[number] = replace(own.facts[number], fault=fault, rows=0, thin=None)
                    del own.pictures[number]
            made[name] = [own.facts[number] for number in sorted(own.facts)]
        return made

    def width_px(self, camera: str) -> int:
        """Width of a camera's pictures; 1 where none came."""
        return max((picture.shape[1] for picture in self._cameras[camera].pictures.values()), default=1)

    def take(self, camera: str, number: int) -> UInt8Array:
        """A healthy frame's picture, which is given away."""
        return self._cameras[camera].pictures.pop(number)

    def given(self, camera: str) -> int:
        """Frames of a camera that came, doubled ones, too."""
        return self._cameras[camera].given

    def left_out(self, camera: str) -> tuple[LeftOut, ...]:
        """Files that are not in the strip, and why."""
        own = self._cameras[camera]
        facts = [own.facts[number] for number in sorted(own.facts)]
        faulty = [LeftOut(file=one.file, why=one.fault) for one in facts if one.fault is not None]
        return (*faulty, *(LeftOut(file=file, why=Note(code="doubled")) for file in own.doubled))

    def notes(self) -> list[Note]:
        """What was odd about the frames' order."""
        said = []
        for name, own in self._cameras.items():
            if own.late:
                values = {"camera": name, "frames": number_ranges(sorted(own.late))}
                said.append(Note(code="out_of_order", values=values))
            if own.doubled:
                doubled = {"camera": name, "count": len(own.doubled)}
                said.append(Note(code="doubled_frames", values=doubled))
        return said
