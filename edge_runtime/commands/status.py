"""`ferrogate status STATION.yaml`: how the line stands, in the terminal.

Reads the status that the running station shows in shared memory, and from the ledger the rate.
Neighbours: `edge_runtime.live.status` (what there is), `edge_runtime.page` (the same for people at the line).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.config import StationConfig, load_station, station_kind
from edge_runtime.live.status import CameraStatus, StationStatus
from edge_runtime.page.mailboxes import SeenStatus
from edge_runtime.page.station_facts import look_at
from vision.errors import LedgerError

NAME = "status"
HELP = "how a running station stands: ready or why not, counts, cameras, PLC, journal, disk"
EPILOG = """\
examples:
  ferrogate status station.yaml            once
  ferrogate status station.yaml --watch    every second, until Ctrl-C
  ferrogate status station.yaml --json     for programs

exit codes: 0 ready, 3 running but not ready, 1 no station runs
"""
EXIT_NONE = 1
EXIT_NOT_READY = 3
_WATCH_S = 1.0
_RATE_WINDOW_S = 60
_CLEAR = "\x1b[H\x1b[2J"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("station", type=Path, metavar="STATION.yaml")
    parser.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object per look")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print it; returns the exit code.

    Raises:
        ConfigError: the station file cannot be read.
    """
    look = _look_of(arguments)
    code = EXIT_NONE
    try:
        while True:
            code = look()
            if not arguments.watch:
                return code
            time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        if not arguments.watch:
            raise
        return code  # the way to end a watch


def _look_of(arguments: argparse.Namespace) -> Callable[[], int]:
    """What looks once and prints, for the kind of station that the file is of."""
    if station_kind(arguments.station) == "rail":
        # Imported late: a ball line loads nothing of the yard.
        from edge_runtime.yard.station_show import show_yard
        from edge_runtime.yard.yard_config import load_rail_station

        return partial(show_yard, load_rail_station(arguments.station), as_json=arguments.json)
    return partial(_show, load_station(arguments.station), arguments)


def _show(config: StationConfig, arguments: argparse.Namespace) -> int:
    """Look once and print; returns the exit code."""
    now_mono_ns = time.monotonic_ns()
    seen = look_at(config.name)
    facts = facts_of(config, seen, now_mono_ns)
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False), flush=True)
    else:
        text = "\n".join(_lines(config, seen, facts, now_mono_ns))
        print(f"{_CLEAR}{text}" if arguments.watch and sys.stdout.isatty() else text, flush=True)
    if not facts["running"]:
        return EXIT_NONE
    return 0 if facts["ready"] else EXIT_NOT_READY


def facts_of(config: StationConfig, seen: SeenStatus, now_mono_ns: int) -> dict[str, Any]:
    """What `--json` prints; `status` is `edge_runtime.live.status.StationStatus`, null without a station."""
    running = seen.alive(now_mono_ns)
    return {
        "station": config.name,
        "running": running,
        "ready": running and seen.status is not None and seen.status.ready,
        "status_age_ms": seen.age_ms(now_mono_ns),
        "trouble": seen.trouble,
        "rate_balls_per_s": _rate(config, seen.status.started_utc_ns)
        if running and seen.status is not None
        else None,
        "disk_free_mb": _free_mb(config.storage.folder),
        "status": seen.plain,
    }


def _rate(config: StationConfig, started_utc_ns: int) -> float | None:
    """Balls per second over the last minute, or since the station's start when that is nearer.

    From the ledger; None while that cannot be read.
    """
    import sqlalchemy as sa

    from edge_runtime.ledger.models import PartRow
    from edge_runtime.ledger.store import ledger_url, open_to_read, reading

    now_utc_ns = time.time_ns()
    since_utc_ns = max(now_utc_ns - _RATE_WINDOW_S * 1_000_000_000, started_utc_ns)
    # A clock set back must not make a rate of next to no time.
    span_s = max((now_utc_ns - since_utc_ns) / 1e9, 1.0)
    query = sa.select(sa.func.count()).where(PartRow.utc_ns >= since_utc_ns)
    try:
        engine = open_to_read(ledger_url(config.storage.folder, config.storage.database_url))
        try:
            with reading(engine) as connection:
                return round(float(connection.execute(query).scalar_one()) / span_s, 2)
        finally:
            engine.dispose()
    except LedgerError:
        return None


def _free_mb(folder: Path) -> int | None:
    """Free space of the storage's disk; None while there is no such folder."""
    try:
        return shutil.disk_usage(folder).free >> 20
    except FileNotFoundError:
        return None


def _lines(config: StationConfig, seen: SeenStatus, facts: dict[str, Any], now_mono_ns: int) -> Iterator[str]:
    status = seen.status
    if status is None:
        yield f"station {config.name}: {seen.trouble or 'does not run on this machine'}"
        return
    if not facts["running"]:
        age_s = (facts["status_age_ms"] or 0.0) / 1000.0
        yield f"station {config.name}: does not run; its last status is {_age(age_s)} old"
        return
    zone = timezone(timedelta(hours=config.page.utc_offset_hours if config.page else 0.0))
    uptime_s = (now_mono_ns - status.written_mono_ns) / 1e9 + (
        status.written_utc_ns - status.started_utc_ns
    ) / 1e9
    yield f"station {status.station}, up {_age(uptime_s)}, ferrogate {status.version}"
    yield _row("ready", "yes" if status.ready else "NO: everything is rejected")
    for name, words in status.holds.items():
        yield _row("  hold", f"{name}: {words}" if words else name)
    yield from _line(status)
    yield from _day(status, zone)
    for camera in status.cameras:
        yield _row(f"camera {camera.name}", _camera(camera, now_mono_ns))
    yield _row("model", f"{status.model.name} ({status.model.provider})")
    recipe = status.recipe
    yield _row("recipe", f"{recipe.product}, {recipe.d_min_mm:g} to {recipe.d_max_mm:g} mm")
    if recipe.unverified:
        yield _row("", f"NOT VERIFIED: {len(recipe.unverified)} limits")
    waiting = status.journal_error or f"{status.journal_waiting} entries not on the disk yet"
    yield _row("journal", waiting)
    if status.journal_spares < status.journal_spares_wanted:
        left = f"{status.journal_spares} of {status.journal_spares_wanted} spare segments"
        yield _row("", f"{left} for a full disk")
    yield _row(
        "rate", "-" if facts["rate_balls_per_s"] is None else f"{facts['rate_balls_per_s']:.2f} balls/s"
    )
    yield _row("disk", f"{facts['disk_free_mb']} MB free")


def _line(status: StationStatus) -> Iterator[str]:
    plc = status.plc
    if not plc.connected:
        yield _row("plc", f"NOT CONNECTED {plc.detail}".rstrip())
    else:
        belt = f"LATCHED ({plc.stop_cause})" if plc.latched else "running" if plc.belt_running else "stopped"
        inputs = f", {', '.join(plc.inputs)}" if plc.inputs else ""
        yield _row("plc", f"connected, epoch {plc.epoch}, belt {belt}{inputs}")
    if plc.key_switch != "auto":
        words = {"bypass": "BYPASS: the gate is held open, nothing is proven", "service": "service"}
        yield _row("key", words[plc.key_switch])
    counts = status.counts
    verdicts = ", ".join(
        f"{counts.get(f'verdict_{word}', 0)} {word}" for word in ("accept", "review", "reject")
    )
    unjudged = counts.get("parts", 0) - counts.get("judged", 0)
    rest = f", {unjudged} without a verdict" if unjudged > 0 else ""
    yield _row(
        "since start", f"{counts.get('parts', 0)} parts: {verdicts}{rest}; {status.in_zone} in the zone"
    )
    if status.loop_ms_p50 is not None and status.loop_ms_p99 is not None:
        yield _row("verdict after", f"p50 {status.loop_ms_p50:.1f} ms, p99 {status.loop_ms_p99:.1f} ms")


def _day(status: StationStatus, zone: timezone) -> Iterator[str]:
    day = status.day

    def when(utc_ns: int) -> str:
        return f"{datetime.fromtimestamp(utc_ns / 1e9, UTC).astimezone(zone):%Y-%m-%d %H:%M}"

    shift, lot = day.shift, day.lot
    yield _row("shift", f"{shift.name}, since {when(shift.opened_utc_ns)}" if shift else "none open")
    yield _row("lot", f"{lot.name} ({lot.product}), since {when(lot.opened_utc_ns)}" if lot else "none open")
    if day.changeover is not None:
        yield _row("changeover", f"to {day.changeover.recipe}, waits for the zone to be empty")
    if day.challenge is not None:
        ball = f"{day.challenge.triggered} of {day.challenge.balls} balls"
        yield _row("challenge", f"{day.challenge.challenge} under way, {ball}")
    if day.containment:
        yield _row("challenge", f"MISSED: {day.containment}; a challenge must pass")
    elif day.challenge_due_utc_ns:
        late = " OVERDUE" if day.challenge_due_utc_ns < status.written_utc_ns else ""
        yield _row("challenge", f"due {when(day.challenge_due_utc_ns)}{late}")


def _camera(camera: CameraStatus, now_mono_ns: int) -> str:
    parts = [camera.fault if not camera.detail else f"{camera.fault} ({camera.detail})"]
    if camera.last_frame_mono_ns:
        parts.append(f"newest frame {_age((now_mono_ns - camera.last_frame_mono_ns) / 1e9)} ago")
    if camera.background is not None and camera.reference_background:
        parts.append(f"lamp {camera.background / camera.reference_background:.0%}")
    if camera.focus_px is not None:
        limit = "" if camera.focus_max_px is None else f" of at most {camera.focus_max_px:.2f}"
        parts.append(f"lens {camera.focus_px:.2f}{limit} px")
    if camera.shift_px is not None:
        parts.append(f"moved {camera.shift_px:.2f} px")
    return ", ".join(parts)


def _row(name: str, text: str) -> str:
    return f"{name:<14} {text}".rstrip()


def _age(seconds: float) -> str:
    if seconds < 10.0:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} h"
