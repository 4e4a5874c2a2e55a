"""What the command line says of certified spheres, and their pictures measured.

Neighbours: `edge_runtime.calibrate_spheres` makes calibrations and checks of it,
`vision.metrology.measure` measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_runtime.calibrate_boards import require_one_size, watched
from edge_runtime.images import expand_paths, read_image
from vision.errors import CalibrationError, ConfigError
from vision.metrology.calibration import STEEL, Expansion, ExpansionRow
from vision.metrology.calibration_input import SphereObservation
from vision.metrology.measure import measure_picture
from vision.metrology.sized import Silhouette
from vision.metrology.types import Refused

Size = tuple[int, int]
#: Certificates state U for k = 2.
K_CERTIFICATE = 2.0
#: Row of an expansion that was typed as one number: it holds at every temperature.
_ANY_CELSIUS = 100.0


@dataclass(frozen=True, slots=True)
class Certified:
    """One `--sphere` or `--ring`; `u_mm` is standard (k = 1), half of what was typed."""

    kind: Literal["sphere", "ring"]
    diameter_mm: float
    u_mm: float
    certificate: str
    paths: tuple[str, ...]


def certified(text: str, kind: Literal["sphere", "ring"], *, with_path: bool) -> Certified:
    """One sphere or ring from DIAMETER:U:CERTIFICATE, with :PATH where its pictures are asked for.

    Raises:
        ConfigError: the text is something else, or the figures cannot be.
    """
    form = "DIAMETER:U:CERTIFICATE" + (":PATH" if with_path else "")
    parts = text.split(":", 3 if with_path else 2)
    try:
        if len(parts) != (4 if with_path else 3) or not all(part.strip() for part in parts[2:]):
            raise ValueError
        diameter_mm, expanded_mm = float(parts[0]), float(parts[1])
        if not 0.0 < expanded_mm < diameter_mm < 10_000.0:
            raise ValueError
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is no {kind}",
            where=f"--{kind}",
            todo=f"give {form} in mm, for instance 30.000:0.001:CERT-12"
            + (":spheres/30/" if with_path else ""),
        ) from error
    return Certified(kind, diameter_mm, expanded_mm / K_CERTIFICATE, parts[2].strip(), tuple(parts[3:]))


def merged(spheres: Sequence[Certified]) -> list[Certified]:
    """One entry for each certificate; one that was given twice has the pictures of both.

    Raises:
        ConfigError: one certificate with two diameters.
    """
    by_number: dict[str, Certified] = {}
    for sphere in spheres:
        there = by_number.get(sphere.certificate)
        if there is None:
            by_number[sphere.certificate] = sphere
            continue
        if (there.diameter_mm, there.u_mm, there.kind) != (sphere.diameter_mm, sphere.u_mm, sphere.kind):
            raise ConfigError(
                f"certificate {sphere.certificate} is given with {there.diameter_mm:g} mm and with "
                f"{sphere.diameter_mm:g} mm",
                where=f"--{sphere.kind}",
                todo="give each sphere the number that tells it from the others",
            )
        paths = there.paths + sphere.paths
        by_number[sphere.certificate] = Certified(
            there.kind, there.diameter_mm, there.u_mm, there.certificate, paths
        )
    return list(by_number.values())


def observe(spheres: Sequence[Certified]) -> tuple[tuple[SphereObservation, ...], Size]:
    """Measure all pictures of all spheres.

    Raises:
        CalibrationError: a picture gives no number, or pictures differ in size.
        ConfigError, ImageError: a path or picture cannot be used.
    """
    listed = [(sphere, list(expand_paths(sphere.paths))) for sphere in spheres]
    every = [name for _, names in listed for name in names]
    twice = {name for name in every if every.count(name) > 1}
    if twice:
        raise ConfigError(
            "one picture is given for two spheres", where=sorted(twice)[0], todo="a picture shows one sphere"
        )
    found: dict[str, Silhouette] = {}
    size: Size | None = None
    for name in watched(every, "measuring the spheres"):
        found[name], here = measured(name)
        size = size or here
        require_one_size(size, here, name)
    if size is None:
        raise CalibrationError(
            "no sphere is given", where="--sphere", todo="give three sizes or more, one option for each"
        )
    observed = tuple(
        SphereObservation(
            certificate=sphere.certificate,
            diameter_mm=sphere.diameter_mm,
            u_mm=sphere.u_mm,
            outlines=tuple(found[name].outline for name in names),
            diameters_px=tuple(found[name].diameter_ls_px for name in names),
            kind=sphere.kind,
        )
        for sphere, names in listed
    )
    return observed, size


def measured(name: str) -> tuple[Silhouette, Size]:
    """The one sphere in a picture file, and the picture's width and height in px.

    Raises:
        CalibrationError: it gives no number; the reason is told.
        ImageError: it cannot be read.
    """
    picture = read_image(Path(name))
    if picture.stored_bits != 8:
        raise CalibrationError(
            f"the picture has {picture.stored_bits} bits per pixel: 8 are measured",
            where=name,
            todo="take it as the station does, as 8-bit grey",
        )
    silhouette = measure_picture(picture.image)
    if isinstance(silhouette, Refused):
        raise CalibrationError(
            f"the picture gives no number ({silhouette.reason.value}): {silhouette.detail}",
            where=name,
            todo="take it again, with one clean sphere before an even background, or leave it out",
        )
    return silhouette, (picture.image.shape[1], picture.image.shape[0])


def expansion(text: str | None, option: str) -> Expansion:
    """An expansion typed with its document counts as verified: somebody has just read it there."""
    if text is None:
        return STEEL
    parts = text.split(":", 2)
    try:
        per_k, u_per_k = float(parts[0]), float(parts[1])
        rows = (ExpansionRow(to_celsius=_ANY_CELSIUS, mean_per_k=per_k),)
        return Expansion(rows=rows, u_per_k=u_per_k, source=parts[2], verified=True)
    except (ValueError, IndexError) as error:
        raise ConfigError(
            f"'{text}' is no expansion",
            where=option,
            todo="give 1/K, its standard uncertainty and the document: 11.8e-6:0.3e-6:data sheet 4711",
        ) from error
