"""Trains of balls and the free belt between them: what --speed leaves out, and what it does not touch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from edge_runtime.soak.plan import GATES, SoakPlan, line_of
from edge_runtime.twin.faults import FaultName
from edge_runtime.twin.feed import BOOKED_COUNTS
from edge_runtime.twin.field import Word
from edge_runtime.twin.settings import COUNTS_PER_D, LineSettings
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.line_bench import Bench, line_settings
from vision.errors import ConfigError

TRAIN, GAP_D = 4, 120.0


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def _run(settings: LineSettings) -> tuple[list[float], int, float]:
    """Centres of the balls at the eye, counts left out, seconds."""
    bench = Bench(settings)
    try:
        began_ns = bench.now_ns
        assert bench.run(60.0)
        centres = [row["centre_count"] for row in bench.rows("ball")]
        steps = [after - before for before, after in pairwise(bench.encoder)]
        assert max(steps) < 2.0 * settings.speed_counts_per_s / 1000.0, "the belt never jumps"
        return centres, bench.field.get(Word.IDLE_CUT), (bench.now_ns - began_ns) / 1e9
    finally:
        bench.close()


def test_free_belt_is_shortened_and_balls_of_a_train_are_not_touched(bank_dir: Path, tmp_path: Path) -> None:
    trains = {"n_balls": 8, "train_balls": TRAIN, "train_gap_d": GAP_D, "pitch_sd_share": 0.0}
    slow = line_settings(tmp_path / "slow", bank_dir, **trains)
    fast = line_settings(tmp_path / "fast", bank_dir, **trains, idle_speed=20.0)
    centres, cut, seconds = _run(slow)
    nearer, left_out, sooner = _run(fast)
    assert cut == 0
    within = [[after - before for before, after in pairwise(found[:TRAIN])] for found in (centres, nearer)]
    assert within[0] == pytest.approx(within[1])
    gap, shorter = (found[TRAIN] - found[TRAIN - 1] for found in (centres, nearer))
    assert gap == pytest.approx((GAP_D + slow.pitch_d) * COUNTS_PER_D, rel=0.02)
    # The last ball has left, and the PLC had the time that it has on any belt.
    travel = slow.eye_to_gate_counts + slow.gate_to_confirm_counts
    assert travel + BOOKED_COUNTS < shorter < 0.5 * gap
    assert left_out == pytest.approx(centres[-1] - nearer[-1], abs=2.0)
    assert seconds - sooner == pytest.approx(left_out / slow.speed_counts_per_s, abs=0.2)


def test_balls_without_a_pause_leave_nothing_out(bank_dir: Path, tmp_path: Path) -> None:
    _, left_out, _ = _run(line_settings(tmp_path, bank_dir, n_balls=6, idle_speed=20.0))
    assert left_out == 0


def _plan(folder: Path, **changes: object) -> SoakPlan:
    base: dict[str, object] = {
        "hours": 1.0,
        "balls_per_s": 3.0,
        "peak_per_s": 3.0,
        "train_balls": 60,
        "speed": 1.0,
        "names": tuple(FaultName),
        "every_balls": 120.0,
        "seed": 1,
        "diameter_mm": 40.0,
        "defect_share": 0.03,
        "views": 4,
        "model": "ferrogate-models:ball",
        "run_dir": folder,
    }
    return SoakPlan(**(base | changes))  # type: ignore[arg-type]


def test_trains_come_at_the_peak_and_keep_the_mean(tmp_path: Path) -> None:
    plan = _plan(tmp_path, peak_per_s=10.0, speed=20.0)
    settings = line_of(plan)
    assert settings.balls_per_s == 10.0
    train_s = 60 / 10.0 + settings.train_gap_d / settings.pitch_d / 10.0
    assert 60 / train_s == pytest.approx(3.0)
    assert plan.idle_share == pytest.approx(0.7)
    assert settings.n_balls == 10_800


def test_without_a_peak_there_are_no_trains(tmp_path: Path) -> None:
    settings = line_of(_plan(tmp_path, speed=20.0))
    assert (settings.train_balls, settings.train_gap_d, settings.balls_per_s) == (0, 0.0, 3.0)
    assert settings.log_segment_mb > 0.0


def test_air_jets_serve_what_flaps_cannot(tmp_path: Path) -> None:
    flap, jet = (line_of(_plan(tmp_path, gate=gate, peak_per_s=10.0)) for gate in GATES)
    assert jet.valve_lead_ms < flap.valve_lead_ms / 2.0
    with pytest.raises(ConfigError, match="the gate is too slow for 15 balls") as caught:
        line_of(_plan(tmp_path, peak_per_s=15.0))
    assert "--gate" in caught.value.where
    assert line_of(_plan(tmp_path, gate="jet", peak_per_s=15.0)).balls_per_s == 15.0


@pytest.mark.parametrize(
    ("gate", "peak_per_s"), [("flap", 3.0), ("flap", 6.0), ("flap", 10.0), ("jet", 10.0), ("jet", 14.0)]
)
def test_a_gate_that_a_dead_plc_left_open_is_shut_for_the_next_ball(
    tmp_path: Path, gate: str, peak_per_s: float
) -> None:
    settings = line_of(_plan(tmp_path, gate=gate, peak_per_s=peak_per_s))
    assert settings.gate_watchdog_ms <= LineSettings.model_fields["gate_watchdog_ms"].default
    assert settings.gate_watchdog_ms >= 3.0 * settings.plc_scan_ms
    # Instead of the scan that `shut_after_counts` has in it, the PLC misses all until the module drops out.
    more_ms = settings.gate_watchdog_ms - settings.plc_scan_ms
    shut_counts = settings.shut_after_counts + more_ms / 1000.0 * settings.max_speed_counts_per_s
    in_time = shut_counts <= settings.min_spacing_counts
    assert in_time or (gate, peak_per_s) == ("flap", 10.0)
    assert settings.shut_after_counts <= settings.min_spacing_counts


@pytest.mark.parametrize(
    "changes",
    [
        {"hours": 0.0},
        {"hours": float("nan")},
        {"balls_per_s": -1.0},
        {"peak_per_s": 2.0},
        {"peak_per_s": 31.0},
        {"speed": 0.5},
        {"train_balls": 0},
        {"views": 5},
        {"hours": 1000.0, "balls_per_s": 30.0, "peak_per_s": 30.0},
        {"diameter_mm": 1.0},
        {"peak_per_s": 11.0},  # a flap cannot follow
        {"hours": 0.001},
    ],
)
def test_what_cannot_be_soaked_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        line_of(_plan(tmp_path, **changes))
