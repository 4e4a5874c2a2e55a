"""Sizes in the ledger beside the twin's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from edge_runtime.ledger.models import PartRow
from edge_runtime.twin.auditor_report import BallAudit
from edge_runtime.twin.size_check import Errors, check_sizes, true_sizes

TRUTH = {
    number: {"d_min_mm": 39.9, "d_max_mm": 40.1, "d_mean_mm": 40.0, "roundness_mm": 0.1}
    for number in range(4)
}


def audit_of(ball: int, label: str = "good", trigger_seq: int | None = None) -> BallAudit:
    return BallAudit(
        ball=ball,
        lane=0,
        label=label,
        d_min_mm=39.9,
        d_max_mm=40.1,
        defective=False,
        hidden=False,
        epoch=None if trigger_seq is None else 1,
        trigger_seq=trigger_seq,
        side="ACCEPT",
        cause="PROVEN",
        verdict=1,
        reason=0,
        verdict_ns=1,
        last_view_ns=1,
        chute="accept",
        late=False,
        neighbour=False,
        faults=(),
        bypassed=False,
        proven=True,
        violations=(),
    )


def part(trigger_seq: int, mean_mm: float | None) -> dict[str, Any]:
    """A row of the ledger; columns that the check does not read hold anything."""
    row: dict[str, Any] = {"id": trigger_seq, "epoch": 1, "lane": 0, "trigger_seq": trigger_seq}
    for column in sa.inspect(PartRow).columns:
        if not column.nullable and column.computed is None and column.name not in row:
            row[column.name] = "" if column.type.python_type is str else 0
    sizes = {
        "diameter_min_mm": 39.8,
        "diameter_max_mm": 40.15,
        "roundness_mm": 0.12,
        "u_diameter_mean_mm": 0.02,
    }
    return (
        row
        | {name: None if mean_mm is None else value for name, value in sizes.items()}
        | {"diameter_mean_mm": mean_mm}
    )


def test_each_ball_stands_beside_its_part() -> None:
    engine = sa.create_engine("sqlite://")
    PartRow.__table__.create(engine)  # type: ignore[attr-defined]
    with engine.connect() as connection:
        connection.execute(sa.insert(PartRow), [part(1, 40.01), part(2, 40.05), part(3, None)])
        balls = [
            audit_of(0, trigger_seq=1),
            audit_of(1, trigger_seq=2),
            audit_of(2, trigger_seq=3),  # seen, but not measured
            audit_of(3),  # no part of its own
            audit_of(4, trigger_seq=1),  # no truth: no view of it was delivered
            audit_of(0, "half", trigger_seq=1),  # no diameter to speak of
        ]
        check = check_sizes(balls, TRUTH, connection)
    engine.dispose()
    assert [(ball.ball, ball.d_mean_mm) for ball in check.balls] == [(0, (40.01, 40.0)), (1, (40.05, 40.0))]
    assert check.unmeasured == 2
    facts = check.to_json()
    assert facts["measured"] == 2
    assert facts["d_mean_mm_error"] == {"median": 0.03, "sd": 0.02, "p95_abs": 0.048, "max_abs": 0.05}
    assert facts["d_min_mm_error"]["median"] == -0.1
    assert facts["roundness_mm_error"]["max_abs"] == 0.02
    # 0.01 mm lies within 2 u = 0.04 mm, 0.05 mm does not
    assert facts["within_2u_share"] == 0.5


def test_no_ball_measured_gives_no_errors() -> None:
    engine = sa.create_engine("sqlite://")
    PartRow.__table__.create(engine)  # type: ignore[attr-defined]
    with engine.connect() as connection:
        check = check_sizes([audit_of(0, trigger_seq=1)], TRUTH, connection)
    engine.dispose()
    assert check.to_json() == {"measured": 0, "unmeasured": 1}


def test_truth_is_that_of_the_delivered_views(tmp_path: Path) -> None:
    def view(low: float, high: float, mean: float, roundness: float, **changes: object) -> dict[str, object]:
        return {
            "feret_min_mm": low,
            "feret_max_mm": high,
            "feret_mean_mm": mean,
            "roundness_mm": roundness,
            "delivered_ns": 5,
        } | changes

    rows = [
        {"event": "start"},
        {"event": "ball", "ball": 7, "exposures": [
            view(39.9, 40.2, 40.0, 0.1),
            view(39.8, 40.1, 40.1, 0.2),
            view(1.0, 99.0, 50.0, 9.0, delivered_ns=None),  # lost: the station cannot know it
            {"delivered_ns": 5},  # a view whose form nobody knows
        ]},
        {"event": "ball", "ball": 8, "exposures": []},
    ]  # fmt: skip
    path = tmp_path / "truth.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert true_sizes(path) == {
        7: {"d_min_mm": 39.8, "d_max_mm": 40.2, "d_mean_mm": pytest.approx(40.05), "roundness_mm": 0.2}
    }


def test_errors() -> None:
    found = Errors.of([(1.0, 1.0), (2.0, 1.0), (1.0, 3.0)])
    assert (found.median, found.max_abs) == (0.0, 2.0)
    assert found.sd == pytest.approx(1.247, abs=1e-3)
