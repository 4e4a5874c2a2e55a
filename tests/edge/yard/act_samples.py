"""Sample acts: what grading, the inspector and the books would put into one."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import cv2
import numpy as np

from edge_runtime.yard.act_content import (
    ActCertificate,
    ActContent,
    ActDecision,
    ActNames,
    ActPerson,
    ActPhotos,
    ActPicture,
    ActRail,
)
from vision.rail_map.types import MapBox, Unseen
from vision.yard.types import (
    CoverageRow,
    Cut,
    CutList,
    FindingState,
    GradeReason,
    GradeWord,
    Piece,
    RailGrade,
    TypedFacts,
    YardFinding,
)

NOON_NS = 1_772_366_400_000_000_000  # 2026-03-01 12:00 UTC
INSPECTOR = ActPerson(account="aigul", name="Әйгүл Қуанышқызы Нұрғалиева", utc_ns=NOON_NS)
KIND_NAMES = {
    "spall": ActNames(ru="выкрашивание головки", kk="рельс басының үгілуі", en="spalling of the head"),
    "weld": ActNames(ru="сварной стык", kk="дәнекерленген түйісу", en="weld"),
    "closed_vessel": ActNames(ru="закрытый сосуд", kk="жабық ыдыс", en="closed vessel"),
    "inner_crack": ActNames(ru="внутренняя трещина", kk="ішкі жарық", en="inner crack"),
}
_COVERAGE = (
    CoverageRow(kind="spall", ru="11.1-2", uic="2222", seen_by="model", found=1),
    CoverageRow(kind="weld", ru="26.3", uic="421", seen_by="inspector", found=1, fact="found", required=True),
    CoverageRow(
        kind="closed_vessel", ru="", uic="", seen_by="inspector", found=0, fact="clear", required=True
    ),
    CoverageRow(kind="inner_crack", ru="20.1-2", uic="211", seen_by="not_seen", found=0),
)


def finding(name: str, kind: str, start_m: float | None, **more: Any) -> YardFinding:
    """A finding of 30 mm by 12 mm, where there is a scale."""
    row = 100.0 if start_m is None else 2000.0 * start_m
    scale = start_m is not None
    values: dict[str, Any] = {
        "id": name,
        "label": kind,
        "kind": kind,
        "element": "head",
        "origin": "model",
        "state": "unconfirmed",
        "score": 0.71,
        "first_row": row,
        "last_row": row + 60.0,
        "start_m": start_m,
        "end_m": None if start_m is None else start_m + 0.03,
        "length_mm": 30.0 if scale else None,
        "across_mm": 20.0 if scale else None,
        "width_mm": 12.0 if scale else None,
        "boxes": (MapBox(camera="top", xyxy_px=(10, row, 34, row + 60), score=0.71, files=("0007.png",)),),
    }
    return YardFinding.model_validate({**values, **more})


def rail(
    name: str = "L-1456-01",
    *,
    grade: GradeWord = "feed_with_cuts",
    decided: GradeWord | None = "feed_with_cuts",
    why: str = "",
    state: FindingState = "confirmed",
    **more: Any,
) -> ActRail:
    """A rail of 12.5 m with one spall, one weld, a dismissed finding and a stretch that nobody saw."""
    cut_list = CutList(
        cuts=(
            Cut(start_m=4.2, end_m=4.83, reason="finding", findings=("f2",)),
            Cut(start_m=12.38, end_m=12.5, reason="remainder"),
        ),
        pieces=(Piece(start_m=0.0, end_m=4.195), Piece(start_m=4.835, end_m=12.375, downgraded=True)),
        kerf_mm=5.0,
        length_m=12.5,
        usable_m=11.735,
        lost_m=0.765,
    )
    values: dict[str, Any] = {
        "name": name,
        "grade": RailGrade(
            grade=grade,
            reasons=(
                GradeReason(code="finding", action="cut", values=_weld_values(), finding="f2"),
                GradeReason(code="wear", action="downgrade", values={"wear_mm": 6.5, "limit_mm": 6.0}),
            ),
            coverage=_COVERAGE,
            not_inspected=("inner_cracks", "radiation", "web", "foot", "unseen_stretches"),
            cut_list=cut_list,
            unseen_m=0.8,
            length_m=12.5,
            usable_length_m=11.735,
            mass_kg=808.1,
            usable_mass_kg=758.7,
            yield_share=11.735 / 12.5,
            value=151_740.0,
            ball_mass_kg=675.2,
            currency="KZT",
            recipe_sha256="ab" * 32,
            unverified=("kinds.spall.margin_mm",),
        ),
        "facts": TypedFacts(section="R65", rows={"weld": "found", "closed_vessel": "clear"}),
        "facts_by": INSPECTOR,
        "length_by": "cameras",
        "welds": 1,
        "bolt_holes": 3,
        "findings": (
            finding("f1", "spall", 1.37, state=state),
            finding("f2", "weld", 4.5, state="added", score=None, origin="inspector"),
            finding("f3", "spall", 8.0, state="dismissed"),
        ),
        "unseen": (
            Unseen(
                camera="top",
                first_row=18000,
                last_row=19600,
                start_m=9.0,
                end_m=9.8,
                cause="missing_frame",
                frames="19-20",
            ),
        ),
        "model_sha256": "cd" * 32,
    }
    if decided is not None:
        kind = "confirmed" if decided == grade and not why else "overridden"
        values["decision"] = ActDecision(kind=kind, grade=decided, by=INSPECTOR, reason=why)
    return ActRail.model_validate({**values, **more})


def _weld_values() -> dict[str, str | float | int | None]:
    return {
        "kind": "weld",
        "rank": "weld",
        "start_m": 4.5,
        "end_m": 4.53,
        "length_mm": 30.0,
        "width_mm": 12.0,
        "steps": "",
        "margin_mm": 300.0,
    }


def jpeg(seed: int = 0, width: int = 160, height: int = 120) -> bytes:
    """A picture of noise."""
    image = np.random.default_rng(seed).integers(0, 255, (height, width), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", cv2.GaussianBlur(image, (9, 9), 0))[1])


def picture(path: str, data: bytes, **more: Any) -> ActPicture:
    """A picture of a finding with its hash."""
    values = {"kind": "finding", "path": path, "sha256": hashlib.sha256(data).hexdigest()}
    return ActPicture.model_validate({**values, **more})


def act(*, signed: bool = True, **more: Any) -> ActContent:
    """An act with one rail, signed as 12/2026."""
    values: dict[str, Any] = {
        "made_utc_ns": NOON_NS,
        "act_date": date(2026, 3, 1),
        "receiver": "ТОО «Шар прокат»",
        "supplier": "ТОО «Павлодар Вторчермет»",
        "deliverer": "Қасымов Ғ. Ө.",
        "contract": "№ 17/26 от 12.01.2026",
        "vehicle": "52 341 877",
        "scrap_class": "3А",
        "scrap_kind": "№ 3 — рельсы изношенные",
        "gross_kg": 84_350.0,
        "tare_kg": 22_800.0,
        "contamination_percent": 1.5,
        "radiation": ActCertificate(
            number="РК-0456", issued_on=date(2026, 2, 28), issued_by="«Сәуле» зертханасы"
        ),
        "explosion": ActCertificate(number="ВБ-91"),
        "rails": (rail(),),
        "kind_names": KIND_NAMES,
    }
    if signed:
        values |= {"number": 12, "signed": INSPECTOR}
    return ActContent.model_validate({**values, **more})


def photos() -> ActPhotos:
    """Six photos of a wagon with one weld."""
    return ActPhotos(name="wagon-52341877", pictures=6, findings=(finding("f1", "weld", None),))
