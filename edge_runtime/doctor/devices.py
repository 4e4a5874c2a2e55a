"""Checks of what hangs on the station's cables: cameras and PLC. Nothing is written to either."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edge_runtime.cameras import open_camera
from edge_runtime.cameras.base import Camera
from edge_runtime.config import CameraConfig, LineGeometry, ModbusPlc, ShmCameraSource, StationConfig
from edge_runtime.doctor.report import Check, fail, failed_by, ok, warn
from edge_runtime.plc import registers as reg
from edge_runtime.plc.geometry import geometry_differences
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import unpack
from edge_runtime.shm_ring import memory_path
from vision.errors import FerrogateError, LinkError

#: A camera that gives no picture for this long is reported as silent.
FIRST_FRAME_S = 2.0
#: A person waits here, not a ball: more patience than the station has.
PLC_TIMEOUT_MS = 1000


def check_camera(config: CameraConfig) -> Check:
    """Open the source and take one picture of the size and form the station file names."""
    name = f"camera {config.name}"
    if isinstance(config.source, ShmCameraSource):
        # Its ring has one reader, the station: a second one would take its wake-up calls away.
        path = memory_path(config.source.name)
        if path.exists():
            return ok(name, f"frame ring {path} is there (not read: that is the station's right alone)")
        return fail(
            name, f"there is no frame ring {path}", "start the process that writes it (the line) first"
        )
    try:
        with _opened(open_camera(config)) as camera:
            frame = camera.read(FIRST_FRAME_S)
            losses = camera.take_losses()
    except FerrogateError as error:
        return failed_by(name, error)
    if frame is None:
        why = f": {losses[0].detail}" if losses else ""
        return fail(
            name,
            f"opened, but no picture within {FIRST_FRAME_S:g} s{why}",
            "check trigger, lens cap and source",
        )
    wanted = (config.geometry.width_px, config.geometry.height_px, config.geometry.pixel_format)
    got = (frame.image.shape[1], frame.image.shape[0], frame.pixel_format)
    text = "{}x{} px {}".format(*got)
    if got != wanted:
        return fail(
            name,
            f"gives {text}, the station file says {'{}x{} px {}'.format(*wanted)}",
            "correct 'geometry' in the station file, or the camera's settings",
        )
    return ok(name, f"one picture taken, {text}, mean grey {frame.image.mean():.0f}")


@contextlib.contextmanager
def _opened(camera: Camera) -> Iterator[Camera]:
    try:
        camera.setup()
        yield camera
    finally:
        camera.teardown()


def check_plc(config: ModbusPlc, line: LineGeometry) -> list[Check]:
    """Connect, read the header and the geometry, compare with the station file."""
    place = f"{config.host}:{config.port}"
    registers = Registers(config.host, config.port, config.unit_id, PLC_TIMEOUT_MS)
    try:
        registers.connect()
        header = unpack(reg.PLC_HEADER, registers.read(reg.PLC_HEADER.address, reg.PLC_HEADER.words))
        geometry = unpack(reg.PLC_GEOMETRY, registers.read(reg.PLC_GEOMETRY.address, reg.PLC_GEOMETRY.words))
    except LinkError as error:
        return [failed_by("plc", error)]
    finally:
        registers.close()
    if header["magic"] != reg.MAGIC:
        return [
            fail(
                "plc",
                f"{place} answers, but register 0 holds 0x{header['magic']:08X} and not 0x{reg.MAGIC:08X}",
                "check address, port and unit_id; 'ferrogate plc-map' prints what the PLC must hold",
            )
        ]
    if header["map_version"] != reg.MAP_VERSION:
        return [
            fail(
                "plc",
                f"{place} holds register map {header['map_version']}, this station speaks {reg.MAP_VERSION}",
                "load the PLC program that fits 'ferrogate plc-map'",
            )
        ]
    return [
        ok("plc", f"{place}, map {reg.MAP_VERSION}, epoch {header['epoch']}, {header['lanes']} lane(s)"),
        _check_latch(header),
        _check_geometry(line, geometry),
    ]


def _check_latch(header: dict[str, int]) -> Check:
    if not header["plc_status"] & reg.PlcStatus.BELT_LATCHED:
        return ok("belt latch", "free")
    cause = header["stop_cause"]
    known = {item.value: item.name.lower() for item in reg.StopCause}
    return warn(
        "belt latch",
        f"latched, cause: {known.get(cause, cause)}",
        "look at the belt, then reset it at the PLC; nothing else can",
    )


def _check_geometry(line: LineGeometry, geometry: dict[str, int]) -> Check:
    differences = geometry_differences(line, geometry)
    if differences:
        return fail(
            "plc geometry",
            "; ".join(differences),
            "measure the line and correct whichever is wrong: the station stays not Ready until they agree",
        )
    return ok("plc geometry", "PLC and station file agree")


def all_checks(config: StationConfig) -> Iterator[Check]:
    """Every camera, then the PLC where the station has one."""
    for camera in config.cameras:
        yield check_camera(camera)
    if isinstance(config.plc, ModbusPlc) and config.line is not None:
        yield from check_plc(config.plc, config.line)
    else:
        yield ok("plc", "none: a virtual photo-eye, everything goes to reject")
