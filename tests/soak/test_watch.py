"""What a watch makes of a run: every ball judged, sabotage counted, evidence kept, the rest removed."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge_runtime.recipes import recipe_for_diameter
from edge_runtime.soak.watch import Watch
from edge_runtime.twin.faults import FaultName, PlannedFault
from edge_runtime.twin.segments import segment_path
from edge_runtime.twin.settings import LineSettings
from tests.twin.clocked_loop import clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.sabotage import Sabotage, Saboteur

#: each plays a whole line and audits it, several seconds long
pytestmark = pytest.mark.long
SEGMENT_NS = 500_000_000


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def _watch(settings: LineSettings, stretch_balls: int = 8) -> Watch:
    size = recipe_for_diameter(settings.diameter_mm).size
    return Watch(settings, (size.d_min_mm, size.d_max_mm), threading.Event(), stretch_balls)


def _pour(settings: LineSettings, watch: Watch) -> list[set[str]]:
    """The finished run comes again, half a second a file, and is read as it comes; files left after each."""
    logs: dict[Path, dict[int, str]] = {}
    for path in (settings.truth_path, settings.plc_log_path):
        parts = logs.setdefault(path, {})
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            number = json.loads(line)["t_ns"] // SEGMENT_NS
            parts[number] = parts.get(number, "") + line
        path.unlink()
    left = []
    first = min(min(parts) for parts in logs.values())
    for number in range(first, max(max(parts) for parts in logs.values()) + 1):
        for path, parts in logs.items():
            segment_path(path, number - first).write_text(parts.get(number, ""), encoding="utf-8")
        watch.read()
        left.append({path.name for path in settings.run_dir.glob("*.jsonl")})
    watch.finish()
    return left


def test_all_balls_are_judged_and_read_files_go(bank_dir: Path, tmp_path: Path) -> None:
    settings = clocked_settings(tmp_path, bank_dir, n_balls=70)
    run_clocked(settings)
    watch = _watch(settings)
    left = _pour(settings, watch)
    totals = watch.tally.totals
    assert totals["balls"] == 70 == totals["accepted"] + totals["rejected"]
    assert (watch.tally.violations, watch.tally.false_rejects, watch.tally.late) == (0, 0, 0)
    assert watch.tally.good_outside == 70 - totals["defective"]
    assert watch.complete
    assert not any(name.startswith("evidence") for names in left for name in names)
    written = len(left)
    assert written > 8
    assert settings.truth_path.name not in left[-1]
    assert len(left[-1]) < written


@pytest.mark.parametrize("sabotage", [Sabotage.ACCEPT_WITHOUT_PROOF, Sabotage.SHIFT_BY_ONE])
def test_sabotage_is_counted_and_its_logs_stay(bank_dir: Path, tmp_path: Path, sabotage: Sabotage) -> None:
    settings = clocked_settings(tmp_path, bank_dir, n_balls=110, defect_share=0.3)
    run_clocked(settings, Saboteur(sabotage))
    watch = _watch(settings, stretch_balls=40)
    left = _pour(settings, watch)
    assert watch.tally.violations > 0
    assert watch.tally.violations_told
    assert any(name.startswith("evidence-truth") for name in left[-1])
    assert any(name.startswith("evidence-plc") for name in left[-1])


def test_rejects_of_a_fault_are_no_false_rejects(bank_dir: Path, tmp_path: Path) -> None:
    faults = (
        PlannedFault(name=FaultName.MISSING_TRIGGER, ball=30),
        PlannedFault(name=FaultName.E_STOP, ball=50),
    )
    settings = clocked_settings(tmp_path, bank_dir, n_balls=90, defect_share=0.0)
    settings = settings.model_copy(update={"faults": faults})
    run_clocked(settings)
    watch = _watch(settings)
    _pour(settings, watch)
    assert [fault.name for fault in watch.windows.faults] == ["missing_trigger", "e_stop"]
    assert watch.tally.totals["rejected"] >= 3
    assert watch.tally.false_rejects == 0
    assert 10 <= watch.tally.inside <= 60
    assert watch.tally.good_outside + watch.tally.inside == 90
    without = _watch(settings.model_copy(update={"faults": ()}))
    assert without.windows.faults == []


def test_a_reject_that_no_fault_explains_is_a_false_one(bank_dir: Path, tmp_path: Path) -> None:
    settings = clocked_settings(tmp_path, bank_dir, n_balls=40, defect_share=0.0)
    run_clocked(settings, Saboteur(Sabotage.LOST_COMMAND))
    watch = _watch(settings)
    _pour(settings, watch)
    assert watch.tally.false_rejects >= 2
    assert watch.tally.false_reject_share == watch.tally.false_rejects / 40
