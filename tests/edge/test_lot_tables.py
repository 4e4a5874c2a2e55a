"""The tables that come with ferrogate: they hold together, and give the figures that are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge_runtime.lots.hardness import ball_hardness, check_readings, depth_mean_hrc
from edge_runtime.lots.tables import DEPTHS, acceptance_tables, sampling_scheme
from vision.errors import ConfigError
from vision.statistics.sampling_plans import Severity, p_accept, p_accept_repeat, single_plan


@pytest.mark.parametrize(
    ("lot_size", "aql", "letter", "size", "accept"),
    [
        (28_512, "4.0", "M", 315, 21),  # 60 t of 80 mm balls
        (67_583, "2.5", "N", 500, 21),
        (228_051, "1.0", "P", 800, 14),
        (1201, "0.65", "K", 125, 2),
        (3200, "10", "K", 125, 21),
        (3201, "1.0", "L", 200, 5),
        (1200, "2.5", "J", 80, 5),
        (150, "10", "F", 20, 5),
        (281, "4.0", "H", 50, 5),
    ],
)
def test_normal_plans(lot_size: int, aql: str, letter: str, size: int, accept: int) -> None:
    plan = single_plan(sampling_scheme(), lot_size, aql)
    assert (plan.letter, plan.sample_size, plan.accept, plan.reject) == (letter, size, accept, accept + 1)


@pytest.mark.parametrize(
    ("severity", "size", "numbers"),
    [("tightened", 315, (18, 19)), ("reduced", 125, (10, 13))],
)
def test_other_severities(severity: Severity, size: int, numbers: tuple[int, int]) -> None:
    plan = single_plan(sampling_scheme(), 28_512, "4.0", severity)
    assert (plan.sample_size, (plan.accept, plan.reject)) == (size, numbers)


@pytest.mark.parametrize("aql", list(sampling_scheme().normal.plans))
def test_every_plan_accepts_good_lots_and_tightened_is_tighter(aql: str) -> None:
    """A slip of one figure in a table shows as a plan that is far off its neighbours."""
    scheme = sampling_scheme()
    for lot_size in (30, 200, 1000, 3000, 9000, 30_000, 100_000, 400_000):
        normal, tightened = (single_plan(scheme, lot_size, aql, kind) for kind in ("normal", "tightened"))
        share = float(aql) / 100
        assert p_accept(normal, share) > 0.86
        # one AQL step tighter: at most what the normal plan lets through
        assert p_accept(tightened, share) <= p_accept(normal, share) + 1e-9
        reduced = single_plan(scheme, lot_size, aql, "reduced")
        assert reduced.sample_size <= normal.sample_size


def test_tables_say_that_nobody_has_verified_them() -> None:
    assert set(sampling_scheme().unverified()) == {
        "code_letters",
        "normal",
        "tightened",
        "reduced",
        "switching",
    }
    assert not acceptance_tables().repeat_plan.verified
    assert not acceptance_tables().volume_hardness.verified


def test_the_labs_plan() -> None:
    assert p_accept_repeat(acceptance_tables().repeat_plan, 0.05) == pytest.approx(0.993, abs=5e-4)


def test_volume_hardness() -> None:
    tables = acceptance_tables()
    readings = {depth: [60.0 - 4 * number] * 4 for number, depth in enumerate(DEPTHS)}
    found = ball_hardness(readings, tables.volume_hardness)
    assert found.volume_hrc == pytest.approx(0.289 * 60 + 0.436 * 56 + 0.203 * 52 + 0.063 * 48 + 0.009 * 44)
    same = ball_hardness(dict.fromkeys(DEPTHS, [57.0] * 4), tables.volume_hardness)
    assert same.volume_hrc == pytest.approx(57.0)
    assert ball_hardness({"surface": [58.0] * 4}, tables.volume_hardness).volume_hrc is None
    too_few = readings | {"half": [52.0] * 3}
    assert ball_hardness(too_few, tables.volume_hardness).volume_hrc is None


@pytest.mark.parametrize(
    ("readings", "mean"),
    [
        ([58.0, 59.0, 57.0, 58.0], 58.0),  # 57 and 59 are dropped
        ([49.0, 58.0, 59.0, 60.0], 58.5),  # one badly ground spot does not count
        ([58.0, 60.0], 59.0),  # two: nothing to drop
        ([58.0], 58.0),
    ],
)
def test_mean_of_a_depth_drops_the_extremes(readings: list[float], mean: float) -> None:
    assert depth_mean_hrc(readings) == pytest.approx(mean)


@pytest.mark.parametrize(
    "readings", [{}, {"surface": []}, {"surface": [580.0]}, {"half": [5.0]}, {"half": [float("nan")]}]
)
def test_typing_errors_are_refused(readings: dict[str, list[float]]) -> None:
    with pytest.raises(ConfigError):
        check_readings(readings, acceptance_tables())  # type: ignore[arg-type]


def test_changed_tables_are_checked(tmp_path: Path) -> None:
    import edge_runtime.lots.tables as module

    tree = yaml.safe_load((Path(module.__file__).parent / "acceptance.yaml").read_text("utf-8"))
    tree["volume_hardness"]["weights"]["surface"] = 0.5
    path = tmp_path / "acceptance.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(ConfigError, match="sum to 1"):
        acceptance_tables(path)
