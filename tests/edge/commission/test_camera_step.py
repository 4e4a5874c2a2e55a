"""A camera's step on the simulated line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.commission.shown import Fact
from tests.edge.commission.sim_line import Truth
from tests.edge.commission.sim_rig import Wizard, draft_data, wizard


def _ready(folder: Path, truth: Truth | None = None, **changes: object) -> Wizard:
    made = wizard(folder, truth, data=draft_data(**changes))
    made.run_step("plc")
    made.run_step("eye")
    return made


def _facts(made: Wizard) -> dict[str, Fact]:
    return {fact.key: fact for fact in made.engine.results["camera:left"].facts}


@pytest.mark.parametrize(
    "truth",
    [
        Truth(),
        pytest.param(Truth(direction=-1, fov_start_counts=1500.0), marks=pytest.mark.long),
        pytest.param(
            Truth(px_per_count=0.35, lane_y_px=118.0, every_counts=128, phase_counts=3),
            marks=pytest.mark.long,
        ),
    ],
)
def test_where_the_camera_looks(tmp_path: Path, truth: Truth) -> None:
    # A ball is drawn 160 px wide whatever the scale: another px per count means another mm per px.
    data = draft_data()
    data["cameras"][0]["geometry"]["mm_per_px"] = 0.125 / truth.px_per_count
    made = wizard(tmp_path, truth, data=data)
    made.run_step("plc")
    made.run_step("eye")
    assert made.run_step("camera:left") == "passed"
    values = made.engine.results["camera:left"].values
    track = values["track"]
    # The drawing rounds to a sixteenth of a pixel, pulses to a count.
    assert abs(track["px_per_count"] - truth.px_per_count) <= 3.0 * track["u_px_per_count"]
    assert abs(track["fov_start_counts"] - truth.fov_start_counts) <= 3.0 * track["u_fov_start_counts"] + 1.0
    assert values["geometry"]["direction"] == truth.direction
    assert values["geometry"]["lane_y_px"]["0"] == pytest.approx(truth.lane_y_px, abs=0.6)
    assert values["exposure"] == {"every_counts": truth.every_counts, "phase_counts": truth.phase_counts}
    assert len(values["fiducials"]) == 4
    assert any(boxes for _, boxes in made.sim.cameras["left"].shown), "balls are marked in the live picture"


@pytest.mark.long
def test_the_best_focus_is_kept_before_the_eyes(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    made.engine.act("camera:left", "begin", {}, "A")
    camera = made.sim.cameras["left"]
    widths: dict[float, float] = {}
    bests = []
    blurs = iter([3.0, 2.0, 1.0, 0.6, 1.0, 2.0])
    made.sim.run(
        made.engine.tick,
        20.0,
        lambda: made.engine.running is not None and made.engine.running[1].text == "camera.focus",
    )
    for blur in blurs:
        camera.blur_px = blur
        made.sim.run(made.engine.tick, 3.0, lambda: False)
        assert made.engine.running is not None
        figure = made.engine.running[1].figures[0]
        assert figure.value is not None
        widths[blur] = figure.value
        bests.append(figure.best)
    assert widths[3.0] > widths[2.0] > widths[1.0] > widths[0.6]
    assert bests[-1] == min(best for best in bests if best is not None)
    assert made.engine.running is not None
    share = made.engine.running[1].figures[0].share
    assert share is not None
    assert share < 0.6, "the bar says how far from the best it stands"


def test_a_blurred_dim_camera_is_red(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    camera = made.sim.cameras["left"]
    made.hands.idle = True
    camera.blur_px, camera.lamp = 3.5, 0.55
    assert made.run_step("camera:left") == "failed"
    facts = _facts(made)
    assert facts["camera.edge"].ok is False
    assert facts["camera.background"].ok is False
    assert facts["camera.background"].todo_values["low"] == 150.0
    assert facts["camera.start"].ok is True, "where it looks is known all the same"


def test_balls_at_equal_distances_are_refused(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    made.sim.plc.pitch_sd = 0.0
    assert made.run_step("camera:left") == "failed"
    assert made.engine.results["camera:left"].facts[0].key == "track.ambiguous"


def test_without_a_scale_the_step_asks_and_is_red(tmp_path: Path) -> None:
    data = draft_data()
    del data["cameras"][0]["geometry"]["mm_per_px"]
    made = wizard(tmp_path, data=data)
    made.run_step("plc")
    made.run_step("eye")
    assert made.run_step("camera:left") == "failed"
    assert _facts(made)["camera.scale"].todo == "camera.scale_todo"
    assert "camera.calibration" in made.hands.seen


def test_a_scale_that_contradicts_the_belt_is_red(tmp_path: Path) -> None:
    data = draft_data()
    data["cameras"][0]["geometry"]["mm_per_px"] = 0.27
    made = wizard(tmp_path, data=data)
    made.run_step("plc")
    made.run_step("eye")
    assert made.run_step("camera:left") == "failed"
    fact = _facts(made)["camera.scale"]
    assert fact.todo_values["off"] == pytest.approx(8.0, abs=0.5)
