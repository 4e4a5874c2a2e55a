"""Routes that read the ledger: the size trend, the newest rejects, one part with all there is.

Every query runs in a worker thread on one state of the ledger. What many browsers ask at once (the trend) is
read once and kept for a moment. Neighbours: `edge_runtime.ledger.rejects`, `trend`; `pictures_api`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from edge_runtime.ledger.rejects import (
    PartInFull,
    PartView,
    Reason,
    Reject,
    RejectFilter,
    list_rejects,
    part_in_full,
)
from edge_runtime.ledger.store import reading
from edge_runtime.ledger.trend import BINS_MAX, Trend, diameter_trend
from edge_runtime.page.context import ROW_MAX, PageContext, looking
from edge_runtime.page.crops import Box, crops_of_part, on_picture
from edge_runtime.page.encode import finite
from edge_runtime.page.errors import PageError
from edge_runtime.page.keeper import Keeper, keeper_of
from edge_runtime.page.pictures_api import picture_url

#: columns of a part that say where it lies in the books, not what it is
_INNER = ("id", "outcome_segment", "outcome_offset", "has_part", "has_outcome", "is_gap", "shift_id")
#: bins are never shorter than this: a few balls make no mean
_BIN_S_MIN = 10.0
_TREND_KEPT_S = 2.0


class Kept:
    """Answers of a query that is asked by many at once; each is kept for a moment.

    Args:
        kept_s: how old an answer may be.
        mono_ns: clock.
    """

    def __init__(self, kept_s: float, mono_ns: Callable[[], int]) -> None:
        self._kept_ns = int(kept_s * 1e9)
        self._mono_ns = mono_ns
        self._answers: dict[int, tuple[int, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def get(self, key: int, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer to a question; one thread makes it, the others that ask meanwhile wait for it."""
        with self._lock:
            made_ns, answer = self._answers.get(key, (0, {}))
            if not made_ns or self._mono_ns() - made_ns > self._kept_ns:
                answer = make()
                oldest_ns = self._mono_ns() - self._kept_ns
                self._answers = {name: kept for name, kept in self._answers.items() if kept[0] > oldest_ns}
                self._answers[key] = (self._mono_ns(), answer)
            return answer


def router(context: PageContext) -> APIRouter:
    """Routes of trend, rejects and parts."""
    keeper = keeper_of(context)
    trends = Kept(_TREND_KEPT_S, context.mono_ns)
    routes = APIRouter(dependencies=[Depends(looking)])

    @routes.get("/api/trend")
    def trend(minutes: Annotated[int, Query(ge=1, le=24 * 60)] = 60) -> dict[str, Any]:
        return trends.get(minutes, lambda: _read_trend(context, keeper, minutes))

    @routes.get("/api/rejects")
    def rejects(
        limit: Annotated[int, Query(ge=1, le=200)] = 24,
        before: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
        reason: Annotated[str, Query(max_length=64)] = "",
        lot: Annotated[str, Query(max_length=120)] = "",
        shift: Annotated[int | None, Query(ge=1, le=ROW_MAX)] = None,
    ) -> dict[str, Any]:
        wanted = RejectFilter(reason or None, lot or None, shift)
        with reading(context.need_ledger()) as connection:
            found, more = list_rejects(connection, wanted, limit=limit, before=before)
        return {"rejects": [reject_json(reject) for reject in found], "more": more}

    @routes.get("/api/parts/{number}")
    def part(number: int) -> dict[str, Any]:
        with reading(context.need_ledger()) as connection:
            found = part_in_full(connection, number) if 0 < number < 1 << 63 else None
            if found is None:
                raise PageError(404, "part_unknown", f"the ledger has no part {number}", {"part": number})
            return part_json(found, crops_of_part(context, connection, found))

    return routes


def _read_trend(context: PageContext, keeper: Keeper, minutes: int) -> dict[str, Any]:
    until = context.utc_ns()
    bins = max(1, min(BINS_MAX, math.floor(minutes * 60 / _BIN_S_MIN)))
    with reading(context.need_ledger()) as connection:
        found = diameter_trend(
            connection, since_utc_ns=until - minutes * 60 * 1_000_000_000, until_utc_ns=until, bins=bins
        )
    return trend_json(found) | {"band": _band(keeper)}


def trend_json(trend: Trend) -> dict[str, Any]:
    """Columns for a plot, oldest bin first; None where a bin has no measured ball."""
    half_ns = trend.bin_ns // 2
    columns: dict[str, Any] = {
        "utc_s": [round((one.start_utc_ns + half_ns) / 1e9, 1) for one in trend.bins],
        "mean_mm": [_mm(one.mean_mm) for one in trend.bins],
        "min_mm": [_mm(one.min_mm) for one in trend.bins],
        "max_mm": [_mm(one.max_mm) for one in trend.bins],
        "ewma_mm": [_mm(one.ewma_mm) for one in trend.bins],
        "reject_share": [
            None if one.reject_share is None else round(one.reject_share, 4) for one in trend.bins
        ],
        "parts": [one.parts for one in trend.bins],
        "bin_s": trend.bin_ns / 1e9,
        "since_utc_s": trend.since_utc_ns / 1e9,
        "until_utc_s": trend.until_utc_ns / 1e9,
    }
    plain: dict[str, Any] = finite(columns)
    return plain


def _mm(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _band(keeper: Keeper) -> dict[str, float | None]:
    """Limits of the mean diameter by the recipe in force; None while no station has told one."""
    status = keeper.seen.status
    if status is None:
        return {"min_mm": None, "max_mm": None, "nominal_mm": None}
    recipe = status.recipe
    return {"min_mm": recipe.d_min_mm, "max_mm": recipe.d_max_mm, "nominal_mm": recipe.d_nominal_mm}


def reject_json(reject: Reject) -> dict[str, Any]:
    """One part as the list shows it."""
    plain: dict[str, Any] = finite(
        {
            "id": reject.id,
            "part": str(reject.part),
            "utc_ms": reject.utc_ns // 1_000_000,
            "decision": reject.decision,
            "verdict": reject.verdict,
            "reason": reject.reason,
            "reasons": [_reason_json(reason) for reason in reject.reasons],
            "diameter_mean_mm": reject.diameter_mean_mm,
            "lot": reject.lot,
            "shift": reject.shift,
            "side": reject.side,
            "cause": reject.cause,
            "confirm": reject.confirm,
            "challenge": reject.challenge,
            "pictures": [
                {
                    "camera": picture.camera,
                    "view_index": picture.view_index,
                    "url": picture_url(picture.path),
                }
                for picture in reject.pictures
            ],
        }
    )
    return plain


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "text": reason.text,
        "value": reason.value,
        "limit": reason.limit,
        "uncertainty": reason.uncertainty,
        "camera": reason.camera,
        "view_index": reason.view_index,
    }


def part_json(part: PartInFull, crops: Mapping[tuple[str, int], Box]) -> dict[str, Any]:
    """One part with its views and every column of its row; `crops` says where its pictures lay."""
    facts = {name: value for name, value in part.facts.items() if name not in _INNER}
    plain: dict[str, Any] = finite(
        {
            "facts": facts,
            "views": [_view_json(view, crops.get((view.camera, view.view_index))) for view in part.views],
        }
    )
    return reject_json(part.reject) | plain


def _view_json(view: PartView, crop: Box | None) -> dict[str, Any]:
    return {
        "camera": view.camera,
        "view_index": view.view_index,
        "fault": view.fault,
        "detail": view.detail,
        "frame_number": view.frame_number,
        "encoder_count": view.encoder_count,
        "diameter_min_mm": view.diameter_min_mm,
        "diameter_max_mm": view.diameter_max_mm,
        "diameter_mean_mm": view.diameter_mean_mm,
        "u_diameter_mm": view.u_diameter_mm,
        "roundness_mm": view.roundness_mm,
        "outline_share": view.outline_share,
        "url": None if view.picture is None else picture_url(view.picture),
        "findings": [
            {
                "label": finding.label,
                "score": finding.score,
                "frame_xyxy_px": list(finding.xyxy_px),
                "xyxy_px": on_picture(crop, finding.xyxy_px),
            }
            for finding in view.findings
        ],
    }
