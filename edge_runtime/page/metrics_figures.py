"""The figures of `/metrics`: names, units and where each comes from.

Totals are those of the station process's life and of the PLC's; Prometheus takes their fall at a restart
for what it is. While no station tells anything its figures are absent, not 0. docs/operation.md has the
list. Neighbour: `metrics` serves them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge_runtime.live.status import CameraStatus, PlcStatusFacts, StationStatus
from edge_runtime.page.context import PageContext
from edge_runtime.page.mailboxes import ALIVE_MS
from edge_runtime.page.station_facts import look_at
from vision.errors import LedgerError

_NS = 1e9
_LEVELS = ("warning", "error", "stop")


class PageCollector(Collector):
    """Collects all figures once per scrape."""

    def __init__(self, context: PageContext) -> None:
        self._context = context

    def collect(self) -> Iterable[Metric]:
        """Station, disk, ledger."""
        now_mono_ns = self._context.mono_ns()
        seen = look_at(self._context.station)
        age_ms = seen.age_ms(now_mono_ns)
        alive = age_ms is not None and age_ms <= ALIVE_MS
        yield _gauge("station_up", "1 while the station tells its status", alive)
        if age_ms is not None:
            yield _gauge("station_status_age_seconds", "Age of the station's newest status", age_ms / 1e3)
        if alive and seen.status is not None:
            yield from _station(seen.status)
            yield from _cameras(seen.status.cameras, now_mono_ns)
            yield from _plc(seen.status.plc)
        yield from self._disk()
        yield from self._ledger()

    def _disk(self) -> Iterator[Metric]:
        usage = shutil.disk_usage(self._context.storage)
        yield _gauge("disk_free_bytes", "Free space of the storage folder's disk", usage.free)
        yield _gauge("disk_size_bytes", "Size of the storage folder's disk", usage.total)

    def _ledger(self) -> Iterator[Metric]:
        try:
            figures = self._read_ledger()
        except LedgerError:
            figures = []
        yield _gauge("ledger_up", "1 while the ledger can be read", bool(figures))
        yield from figures
        books = self._context.books_state()
        if books != "unknown":
            yield _gauge("books_balanced", "0 when the books do not balance", books != "unbalanced")

    def _read_ledger(self) -> list[Metric]:
        """Nothing while there is no ledger."""
        from edge_runtime.ledger.alarms import standing_alarms
        from edge_runtime.ledger.models import CountersRow
        from edge_runtime.ledger.store import reading

        engine = self._context.ledger()
        if engine is None:
            return []
        with reading(engine) as connection:
            levels = [alarm.level for alarm in standing_alarms(connection)]
            newest = sa.select(CountersRow.utc_ns).order_by(CountersRow.id.desc()).limit(1)
            newest_utc_ns = connection.execute(newest).scalar_one_or_none()
        counts = {level: levels.count(level) for level in _LEVELS}
        figures = [_labelled("alarms", "Alarms whose cause lasts", "level", counts)]
        if newest_utc_ns is not None:
            text = "When the newest counters in the ledger were written"
            figures.append(_gauge("ledger_newest_counters_timestamp_seconds", text, newest_utc_ns / _NS))
        return figures


def make_registry(context: PageContext) -> CollectorRegistry:
    """A registry with the line's figures and those of the page's own process."""
    registry = CollectorRegistry()
    registry.register(PageCollector(context))
    ProcessCollector(namespace="ferrogate_page", registry=registry)
    return registry


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ferrogate_{name}", text, value=float(value))


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"ferrogate_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _totals(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"ferrogate_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _station(status: StationStatus) -> Iterator[Metric]:
    facts = GaugeMetricFamily(
        "ferrogate_station_info",
        "What is in force; always 1",
        labels=["station", "version", "session", "recipe", "product", "recipe_sha256", "model", "provider"],
    )
    recipe, model = status.recipe, status.model
    names = [status.station, status.version, status.session, recipe.name, recipe.product, recipe.sha256]
    facts.add_metric([*names, model.name, model.provider], 1.0)
    yield facts
    yield _gauge("station_start_timestamp_seconds", "When the station came up", status.started_utc_ns / _NS)
    yield _gauge("station_ready", "1 while verdicts count", status.ready)
    yield _labelled("hold", "What keeps the station from being Ready", "name", dict.fromkeys(status.holds, 1))
    yield from _counts(status.counts)
    yield _gauge("parts_in_zone", "Parts between photo-eye and gate", status.in_zone)
    yield _gauge("journal_waiting_entries", "Entries not on the disk yet", status.journal_waiting)
    yield _gauge("journal_spare_segments", "Preallocated for a full disk", status.journal_spares)
    yield _gauge("journal_ok", "0 while the journal cannot be written", not status.journal_error)
    quantiles = {"0.5": status.loop_ms_p50, "0.99": status.loop_ms_p99}
    known = {name: value / 1e3 for name, value in quantiles.items() if value is not None}
    if known:
        text = "From a ball's last view to its verdict, over the last 512 balls"
        yield _labelled("last_view_to_verdict_seconds", text, "quantile", known)
    day = status.day
    yield _gauge("shift_open", "1 while a shift is open", day.shift is not None)
    yield _gauge("lot_open", "1 while a lot is open", day.lot is not None)
    yield _gauge("changeover", "1 while a recipe waits for the zone to be empty", day.changeover is not None)
    yield _gauge("challenge_missed", "1 while a missed challenge is not answered", bool(day.containment))
    if day.challenge_due_utc_ns:
        due_s = day.challenge_due_utc_ns / _NS
        yield _gauge("challenge_due_timestamp_seconds", "When challenge balls are due", due_s)


def _counts(counts: dict[str, int]) -> Iterator[Metric]:
    verdicts = {word: counts.get(f"verdict_{word}", 0) for word in ("accept", "review", "reject")}
    # Parts that nobody judged are rejected all the same; they come with their own causes.
    verdicts["none"] = max(0, counts.get("parts", 0) - counts.get("judged", 0))
    yield _totals("parts", "Parts by the station's verdict", "verdict", verdicts)
    yield CounterMetricFamily("ferrogate_triggers", "Photo-eye pulses taken", value=counts.get("triggers", 0))
    yield CounterMetricFamily(
        "ferrogate_views_due", "Views of judged parts", value=counts.get("views_due", 0)
    )
    yield CounterMetricFamily(
        "ferrogate_views_lost", "Views that proved nothing", value=counts.get("views_lost", 0)
    )
    faults = {key.removeprefix("fault_"): value for key, value in counts.items() if key.startswith("fault_")}
    yield _totals("faults", "Named faults", "code", faults)


def _cameras(cameras: tuple[CameraStatus, ...], now_mono_ns: int) -> Iterator[Metric]:
    def of(figure: dict[str, float | None]) -> dict[str, float]:
        return {name: value for name, value in figure.items() if value is not None}

    yield _totals(
        "camera_frames", "Frames taken", "camera", {camera.name: camera.frames for camera in cameras}
    )
    text = "Age of the newest frame; a camera is triggered by the belt, so it grows while the belt stands"
    ages = {
        camera.name: max(0.0, (now_mono_ns - camera.last_frame_mono_ns) / _NS)
        for camera in cameras
        if camera.last_frame_mono_ns
    }
    yield _labelled("camera_last_frame_age_seconds", text, "camera", ages)
    ok = {camera.name: camera.fault == "ok" for camera in cameras}
    yield _labelled("camera_ok", "0 while the camera's newest frame proves nothing", "camera", ok)
    lamp = {
        camera.name: camera.background / camera.reference_background
        if camera.background is not None and camera.reference_background
        else None
        for camera in cameras
    }
    yield _labelled("lamp_share", "Background's brightness against its reference", "camera", of(lamp))
    focus = {camera.name: camera.focus_px for camera in cameras}
    yield _labelled("focus_px", "Width of the marks' edges; the lens", "camera", of(focus))
    focus_max = {camera.name: camera.focus_max_px for camera in cameras}
    yield _labelled("focus_max_px", "Limit of focus_px", "camera", of(focus_max))
    shift = {camera.name: camera.shift_px for camera in cameras}
    yield _labelled("camera_shift_px", "How far the marks lie from their places", "camera", of(shift))


def _plc(plc: PlcStatusFacts) -> Iterator[Metric]:
    yield _gauge("plc_connected", "1 while a session with the PLC is in force", plc.connected)
    yield _gauge("belt_running", "1 while the belt is enabled", plc.belt_running)
    yield _gauge("belt_latched", "1 while the belt is latched; reset at the PLC", plc.latched)
    yield _gauge("bypass", "1 while the key holds the gate open without proofs", plc.key_switch == "bypass")
    yield _gauge("service", "1 while the key is on service", plc.key_switch == "service")
    inputs = {name: name in plc.inputs for name in ("e_stop", "guard_open", "air_low", "bin_full")}
    yield _labelled("plc_input", "Inputs of the PLC that stop the line or hold it", "input", inputs)
    totals = {name.removesuffix("_total"): value for name, value in plc.totals.items()}
    yield _totals("plc_events", "The PLC's own totals", "event", totals)
