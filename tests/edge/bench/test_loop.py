"""The loop bench: the search for the rate, what counts as kept, targets; the profile by stage, for real."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.bench.loop import NEAR, LoopPlan, _searched, line_of
from edge_runtime.bench.loop_result import LoopResult, Trial
from edge_runtime.bench.machine import this_machine
from edge_runtime.bench.stages import run_stages
from edge_runtime.cli import main

PLAN = LoopPlan(4, 15.0, 16.0, 96.0, 20.0, 60.0, 120, 0.03, 1, "ferrogate-models:ball")
TRIAL = Trial(
    asked_per_s=60.0,
    balls=1200,
    views=4800,
    running_s=19.99,
    late=0,
    unaccounted=0,
    lost_frames=0,
    refused=0,
    good=1160,
    false_rejects=3,
    neighbour_rejects=2,
    defective=40,
    escapes=0,
    escapes_hidden=0,
    sound=True,
    trigger_to_plc_ms={"p50": 6.0, "p99": 9.0, "p99.9": 15.0, "max": 20.0},
    cpu_s={"station": 20.0, "twin": 4.0},
    rss_mb={"station": 300.0, "twin": 400.0},
    page_pictures=100,
)


def test_rates_are_those_that_came() -> None:
    assert TRIAL.balls_per_s == pytest.approx(59.98, abs=0.01)
    assert TRIAL.views_per_s == pytest.approx(239.9, abs=0.1)
    assert TRIAL.kept_up


@pytest.mark.parametrize(
    "changes",
    [
        {"late": 1},
        {"unaccounted": 1},
        {"lost_frames": 1},
        {"refused": 1},
        {"sound": False},
        {"running_s": 22.0},  # the belt slipped: 54 came where 60 were asked for
    ],
)
def test_a_rate_at_which_anything_is_amiss_is_not_kept(changes: dict[str, object]) -> None:
    assert not replace(TRIAL, **changes).kept_up  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [20.0, 57.3, 90.0])
def test_the_search_ends_near_the_highest_rate_that_is_kept(limit: float) -> None:
    asked = []

    def tried(rate: float, seconds: float) -> Trial:
        asked.append(rate)
        return replace(TRIAL, asked_per_s=rate, running_s=1199 / rate, late=0 if rate <= limit else 5)

    best = _searched(PLAN, tried)
    assert best is not None
    assert best.asked_per_s <= limit <= best.asked_per_s / (1.0 - NEAR) + 1e-9
    assert len(asked) <= 7


def test_nothing_is_claimed_where_not_even_the_lowest_rate_is_kept() -> None:
    assert _searched(PLAN, lambda rate, seconds: replace(TRIAL, late=1)) is None
    result = LoopResult(this_machine(), "m", "0" * 64, 1, 4, 15.0, (replace(TRIAL, late=1),), None)
    assert not result.met
    assert result.to_json()["views_per_s"] is None


def test_targets_of_lanes_and_of_the_single_line() -> None:
    machine = this_machine()
    lanes = LoopResult(machine, "m", "0" * 64, 1, 4, 15.0, (TRIAL,), TRIAL)
    assert lanes.met
    assert not replace(lanes, best=replace(TRIAL, views=4000)).met
    assert not replace(lanes, best=replace(TRIAL, false_rejects=20)).met
    single = replace(lanes, lanes=1)
    assert single.met
    slow = replace(TRIAL, trigger_to_plc_ms={"p50": 6.0, "p99": 9.6, "p99.9": 15.0, "max": 20.0})
    never = replace(TRIAL, trigger_to_plc_ms={"p50": 6.0, "p99": 9.0, "p99.9": None, "max": None})
    assert not replace(single, best=slow).met
    assert not replace(single, best=never).met
    assert json.loads(json.dumps(lanes.to_json()))["best"]["cpu_s_per_ball"]["station"] == pytest.approx(
        20.0 / 1200, abs=1e-5
    )


def test_settings_of_a_trial(tmp_path: Path) -> None:
    settings = line_of(PLAN, 57.3, 10.0, tmp_path)
    assert (settings.lanes, settings.n_balls, settings.balls_per_s) == (4, 573, 57.3)
    assert settings.camera_distance_mm is not None
    assert settings.repeat_balls == 120


@pytest.mark.parametrize(
    "words", [["--lanes", "9"], ["--rate", "0"], ["--rate", "200"], ["--trial-s", "1"], ["--repeat", "2"]]
)
def test_arguments_that_cannot_be_used(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "loop", *words]) not in (0, 9)
    assert "cannot be used" in capsys.readouterr().err


def test_the_profile_names_every_stage_and_adds_up() -> None:
    result = run_stages(2, 1, 3, diameter_mm=15.0, lanes=2, model="ferrogate-models:ball", step=lambda: None)
    facts = result.to_json()
    stages = facts["stages_ms_per_view"]
    assert {"frame health", "find ball, crop", "detector", "measure outline", "size in mm", "judge"} <= set(
        stages
    )
    whole = sum(ms for name, ms in stages.items() if name not in facts["inside"])
    assert facts["cpu_ms_per_view"] == pytest.approx(whole, abs=0.01)
    assert stages["detector"] > 0.0
    assert stages["measure outline"] > 0.0
    assert facts["views"] >= 7
    assert facts["balls"] == 2
