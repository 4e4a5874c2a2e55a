"""What a starting station finds: recipe in force, challenge under way; and whether a recipe fits the line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.catalogue import written
from edge_runtime.config import StationConfig
from edge_runtime.day.files import Recovered
from edge_runtime.day.state import Challenge, DayState
from edge_runtime.encoder import wrap
from edge_runtime.entries import ActEntry, ChallengeEntry, Entry
from edge_runtime.journal import JournalWriter, last_known
from edge_runtime.parts import PartTracker
from edge_runtime.plc.records import TriggerRecord
from edge_runtime.recipes import default_recipe_path
from edge_runtime.station.day_start import day_start, find_day, recipe_at_start
from edge_runtime.station.recipe_fit import require_fits, views_least
from tests.edge.core_rig import CAMERA, LINE, RECIPE, station
from tests.edge.ledger_samples import epoch, outcome, part, session
from tests.vision.small_models import darkest_model
from vision.detector import Detector
from vision.errors import ConfigError, ContractError
from vision.recipe import BallRecipe

CONTRACT = Detector(darkest_model(), "drawn", station="ball").contract
CHALLENGE = Challenge(challenge="C-4", balls=2, expected="any", lane=0, announced_by="A", announced_utc_ns=1)


def _config(folder: Path) -> StationConfig:
    own = folder / "own.yaml"
    own.write_bytes(default_recipe_path("40").read_bytes())
    (folder / "recipes").mkdir()
    _put(folder / "recipes" / "38.yaml", _sized(38.0))
    _put(folder / "recipes" / "60.yaml", _sized(60.0))
    return station(lot="none", shift="none").model_copy(update={"recipe": own, "recipes": folder / "recipes"})


def _sized(nominal_mm: float) -> BallRecipe:
    nominal = RECIPE.size.nominal_mm.model_copy(update={"value": nominal_mm})
    size = RECIPE.size.model_copy(update={"nominal_mm": nominal})
    return RECIPE.model_copy(update={"size": size, "product": f"Ball {nominal_mm:g}"})


def _put(path: Path, recipe: BallRecipe) -> None:
    path.write_text(written(recipe, "test"), encoding="utf-8")


@pytest.mark.parametrize(
    ("chosen", "name", "product", "trouble"),
    [
        ("", "own.yaml", "Grinding ball 40, GOST 7524", ""),
        ("38.yaml", "38.yaml", "Ball 38", ""),
        ("gone.yaml", "own.yaml", "Grinding ball 40, GOST 7524", "gone.yaml"),  # somebody took it away
        ("60.yaml", "own.yaml", "Grinding ball 40, GOST 7524", "240 to 384"),  # it was edited meanwhile
    ],
)
def test_the_recipe_of_the_last_changeover_is_in_force_or_it_is_said_why_not(
    tmp_path: Path, chosen: str, name: str, product: str, trouble: str
) -> None:
    found = recipe_at_start(_config(tmp_path), DayState(recipe=chosen), CONTRACT)
    assert (found.name, found.recipe.product) == (name, product)
    assert trouble in found.trouble
    assert bool(found.trouble) is bool(trouble)


def test_without_the_station_files_own_recipe_nothing_starts(tmp_path: Path) -> None:
    config = _config(tmp_path)
    config.recipe.unlink()
    with pytest.raises(ConfigError, match="own"):
        recipe_at_start(config, DayState(recipe="gone.yaml"), CONTRACT)


# -- does it fit ------------------------------------------------------------------------------


def test_a_recipe_fits_by_labels_length_and_views() -> None:
    config = station()
    require_fits(config, RECIPE, CONTRACT)
    with pytest.raises(ConfigError, match=r"60 mm .* 480 counts"):
        require_fits(config, _sized(60.0), CONTRACT)
    views = RECIPE.views.model_copy(update={"views_min": 9})
    with pytest.raises(ConfigError, match="3 times only"):
        require_fits(config, RECIPE.model_copy(update={"views": views}), CONTRACT)
    rule = next(iter(RECIPE.findings.values()))
    findings = RECIPE.findings | {"sunspot": rule}
    with pytest.raises(ContractError, match="sunspot"):
        require_fits(config, RECIPE.model_copy(update={"findings": findings}), CONTRACT)


@settings(max_examples=40, deadline=None)
@given(
    nominal_mm=st.floats(30.0, 48.0),
    every=st.sampled_from([64, 128, 256, 512]),
    phase_share=st.floats(0.0, 0.99),
    offset=st.integers(0, 600),
)
def test_no_ball_is_seen_less_often_than_was_promised(
    nominal_mm: float, every: int, phase_share: float, offset: int
) -> None:
    exposure = CAMERA.exposure.model_copy(
        update={"every_counts": every, "phase_counts": int(phase_share * every)}
    )
    camera = CAMERA.model_copy(update={"exposure": exposure})
    d_counts = nominal_mm * 1000.0 / LINE.um_per_count
    least = views_least(camera, LINE, d_counts, 0)
    seen = []
    for step in range(0, every, max(1, every // 16)):
        tracker = PartTracker([camera], LINE, nominal_mm)
        tracker.on_encoder(wrap(1000 + offset + step))
        trigger = TriggerRecord(1, 0, 1, wrap(1000 + offset + step), 320)
        part_of, _ = tracker.on_trigger(trigger)
        seen.append(len(part_of.due))
    assert least <= min(seen) <= least + 1
    assert views_least(camera, LINE, d_counts, 5) == 0


# -- a challenge that was under way -----------------------------------------------------------


def _journaled(folder: Path, *entries: Entry) -> None:
    journal = JournalWriter(folder / "journal")
    for entry in entries:
        journal.append(entry)
    assert journal.close()


def _over(result: str) -> ChallengeEntry:
    return ChallengeEntry("C-4", result, "any", 2, 0, 1, 0, "A", "L", "S", 0, "", 1, 2, "b")


@pytest.mark.parametrize(
    ("entries", "result", "told"),
    [
        ([], "inconclusive", False),
        ([replace(part(1), challenge="C-4")], "missed", False),  # accepted, and then the power went
        ([replace(part(1, decision="reject"), challenge="C-4")], "", False),
        (
            [replace(part(1, decision="reject"), challenge="C-4"), outcome(1, verdict="reject")],
            "inconclusive",
            False,
        ),
        ([replace(part(1), challenge="C-3"), outcome(1)], "inconclusive", False),  # another one's ball
        ([replace(part(1), challenge="C-4"), _over("missed")], "missed", True),  # its end is on record
        ([_over("cancelled")], "cancelled", True),
    ],
)
def test_a_challenge_that_was_under_way_ends_as_the_journal_knows_it(
    tmp_path: Path, entries: list[Entry], result: str, told: bool
) -> None:
    config = _config(tmp_path)
    _journaled(tmp_path, session(), epoch(), *entries)
    known = last_known(tmp_path / "journal")
    recipe = recipe_at_start(config, DayState(), CONTRACT)
    found = Recovered(DayState(challenge=CHALLENGE, revision=4))
    start = day_start(config, found, known, recipe, CONTRACT.labels, frozenset({0}))
    assert start.run is not None
    assert (start.run.result, start.run.told) == (result, told)


def test_without_a_challenge_there_is_none(tmp_path: Path) -> None:
    config = _config(tmp_path)
    recipe = recipe_at_start(config, DayState(), CONTRACT)
    known = last_known(tmp_path / "journal")
    start = day_start(config, Recovered(DayState()), known, recipe, CONTRACT.labels, frozenset({0}))
    assert start.run is None
    storage = config.storage.model_copy(update={"folder": tmp_path})
    assert find_day(config.model_copy(update={"storage": storage}), known).state == DayState()


def test_the_journal_knows_the_recipe_of_the_last_session_and_of_a_changeover_after_it(
    tmp_path: Path,
) -> None:
    asked = {"recipe": "x", "old_sha256": session().recipe_sha256, "new_sha256": "n" * 64}
    done = ActEntry(3, "changeover_done", "", "station", asked, {}, {"recipe": "x"}, 1, "b")
    _journaled(tmp_path, session())
    assert last_known(tmp_path / "journal").recipe_sha256 == session().recipe_sha256
    _journaled(tmp_path, done)
    known = last_known(tmp_path / "journal")
    assert (known.recipe_sha256, known.acts) == ("n" * 64, (done,))
    _journaled(tmp_path, session())
    assert last_known(tmp_path / "journal").recipe_sha256 == session().recipe_sha256
