"""Where a commissioning leaves things: its state, the station file, measurements, the report.

All in `<storage>/commissioning/`, the station file also where it was asked for. Every file appears whole
or not at all, and a station file that is there already is never replaced without a word.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge_runtime.calibrations import load_calibration, require_fits, require_fresh
from edge_runtime.catalogue import is_name
from edge_runtime.cli import version
from edge_runtime.commission.draft import Draft
from edge_runtime.commission.state import STATE_FILE, SavedState
from edge_runtime.commission.station_file import comments, compose, station_text
from edge_runtime.config import StationConfig, load_recipe, load_station
from edge_runtime.reports.words import Language
from edge_runtime.whole_file import whole_file
from vision.errors import ConfigError

FOLDER = "commissioning"
MEASUREMENTS_FILE = "measurements.json"


class DiskFiles:
    """Files of one commissioning.

    Args:
        draft: what it began with.
        out: the station file to write.
        languages: of the report, the first one is the plant's.
        replace: the technician has said that a station file that is there may go.
    """

    def __init__(
        self, draft: Draft, out: Path, *, languages: tuple[Language, ...], replace: bool = False
    ) -> None:
        self.draft = draft
        self.out = out.resolve()
        self.languages = languages
        self.replace = replace
        self.folder = draft.storage / FOLDER

    def clock(self, utc_ns: int) -> datetime:
        """A wall-clock time on the plant's clock."""
        hours = self.draft.page.utc_offset_hours if self.draft.page is not None else 0.0
        return datetime.fromtimestamp(utc_ns / 1e9, timezone(timedelta(hours=hours)))

    def require_free(self) -> None:
        """Refuse early: an hour of work must not end at a file that is in the way.

        Raises:
            ConfigError: there is a station file already.
        """
        if self.out.exists() and not self.replace:
            raise ConfigError(
                "there is a station file already",
                where=str(self.out),
                todo="give another --out, or --replace to have it replaced (the old one is kept beside it)",
            )

    # -- the engine's port --------------------------------------------------------------------

    def save_state(self, text: str, *, finished: bool = False) -> None:
        """Keep the state; that of a finished commissioning out of the next one's way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE_FILE
        _write(path, text)
        if finished:
            path.replace(path.with_name(f"finished-{STATE_FILE}"))

    def check_calibration(self, camera: str, path: str, width_px: int, height_px: int) -> Mapping[str, Any]:
        """Facts of a camera's calibration file.

        Raises:
            CalibrationError: unreadable, changed by hand, stale, of another camera or picture size.
        """
        calibration = load_calibration(Path(path))
        require_fits(calibration, camera, width_px, height_px)
        require_fresh(calibration, datetime.now(UTC).date())
        return {
            "mm_per_px": calibration.model.mm_per_px,
            "sha256": calibration.content_sha256(),
            "date": calibration.date,
        }

    def check_station(self, data: Mapping[str, Any]) -> StationConfig:
        """Read a station file's data the way `ferrogate run` does, recipe and calibrations included.

        Raises:
            FerrogateError: the station could not run with it.
        """
        from edge_runtime.station.gauges import Gauges

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "station.yaml"
            path.write_text(station_text(rebased(data, self.draft.folder, None), ()), encoding="utf-8")
            config = load_station(path)
            Gauges(config, load_recipe(config.recipe), datetime.now(UTC).date())
        return config

    # -- the end ------------------------------------------------------------------------------

    def write_results(self, state: SavedState) -> tuple[str, ...]:
        """Write station file, measurements and reports; returns the paths.

        Raises:
            ConfigError: one of them cannot be written, or a station file is in the way.
        """
        from edge_runtime.commission.report import commission_report
        from edge_runtime.reports.write import write_report

        self.require_free()
        data = compose(self.draft, {item.step: item for item in state.results})
        when = self.clock(state.saved_utc_ns)
        text = station_text(
            rebased(data, self.draft.folder, self.out.parent), comments(state, when, version())
        )
        stamp = when.strftime("%Y%m%d-%H%M%S")
        self.folder.mkdir(parents=True, exist_ok=True)
        written = []
        kept = self.folder / f"station-{stamp}.yaml"
        _write(kept, text)
        measurements = self.folder / f"measurements-{stamp}.json"
        _write(measurements, json.dumps(_measurements(state), indent=1, ensure_ascii=False))
        for language in self.languages:
            report = commission_report(state, self.draft, language)
            for ending in ("html", "pdf"):
                path = self.folder / f"report-{stamp}-{language}.{ending}"
                write_report(report, path)
                written.append(path)
        # The station file last: where it stands, everything else does.
        self._station(text, stamp)
        return tuple(str(path) for path in (self.out, kept, measurements, *written))

    def _station(self, text: str, stamp: str) -> None:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if self.out.exists():
            old = self.out.with_name(f"{self.out.stem}.before-{stamp}{self.out.suffix}")
            try:
                os.link(self.out, old)
            except OSError as error:
                raise ConfigError(
                    f"the old station file cannot be kept: {error.strerror or error}",
                    where=str(old),
                    todo="move it away by hand",
                ) from error
        _write(self.out, text)


def rebased(data: Mapping[str, Any], start: Path, to: Path | None) -> dict[str, Any]:
    """The data with its paths, which count from `start`, as seen from `to`; None: absolute."""
    moved = copy.deepcopy(dict(data))

    def path(text: object) -> str:
        whole = (start / str(text)).resolve()
        if to is None:
            return str(whole)
        try:
            return str(whole.relative_to(to.resolve()))
        except ValueError:
            return str(whole)

    if not is_name(str(moved["recipe"])):
        moved["recipe"] = path(moved["recipe"])
    moved["storage"] = dict(moved["storage"]) | {"folder": path(moved["storage"]["folder"])}
    if moved.get("recipes") is not None:
        moved["recipes"] = path(moved["recipes"])
    for camera in moved["cameras"]:
        geometry = camera.get("geometry") or {}
        if geometry.get("calibration") is not None:
            geometry["calibration"] = path(geometry["calibration"])
    return moved


def _measurements(state: SavedState) -> dict[str, Any]:
    return {
        "station": state.station,
        "begun_utc_ns": state.begun_utc_ns,
        "steps": {item.step: {"values": item.values, "raw": item.raw} for item in state.results},
    }


def _write(path: Path, text: str) -> None:
    try:
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"a file of the commissioning cannot be written: {error.strerror or error}",
            where=str(path),
            todo="check the folder, its rights and the disk's space",
        ) from error
