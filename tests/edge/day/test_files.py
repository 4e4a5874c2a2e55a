"""The day survives: file and journal together give the newest state, at whatever instant a station died."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_runtime.day.acts import Act, CloseLot, OpenLot, OpenShift
from edge_runtime.day.files import day_file, read_day, recover, write_day
from edge_runtime.day.follow import act_entry
from edge_runtime.day.recipe_shelf import RecipeShelf
from edge_runtime.day.rules import Facts, Who, apply
from edge_runtime.day.state import DayState
from edge_runtime.entries import ActEntry
from edge_runtime.recipes import default_recipe_path
from tests.edge.core_rig import station
from vision.errors import ConfigError, LedgerError

FACTS = Facts(1, "Ball 40", "a" * 64)
ACTS: tuple[Act, ...] = (
    OpenShift(name="1"),
    OpenLot(name="L-1", product="Ball 40"),
    CloseLot(),
    OpenLot(name="L-2", product="Ball 40"),
)


def _days() -> tuple[list[DayState], list[ActEntry]]:
    states, entries = [DayState()], []
    for act in ACTS:
        after = apply(states[-1], act, Who("Aigul", "foreman"), FACTS)
        entries.append(
            act_entry(
                states[-1], after, act=act.kind, by="Aigul", role="foreman", asked={}, utc_ns=1, boot_id="b"
            )
        )
        states.append(after)
    return states, entries


@pytest.mark.parametrize("kept", range(5))
@pytest.mark.parametrize("deleted", range(5))
def test_file_and_journal_give_the_newest_state(tmp_path: Path, kept: int, deleted: int) -> None:
    """The file is `kept` acts old, and the journal has lost its first `deleted` acts."""
    states, entries = _days()
    path = day_file(tmp_path)
    write_day(path, states[kept])
    found = recover(path, entries[deleted:])
    if deleted == len(entries):
        assert found.state == states[kept]
        return
    # Whatever is missing: a number that was given is never given again.
    assert found.state.revision == len(entries)
    assert (found.by, found.act) == ("Aigul", "open_lot")
    if deleted <= kept:
        assert found.state == states[-1]
        assert found.gap == ""
    else:
        assert found.gap == f"changes {kept + 1} to {deleted} are missing"


def test_without_a_file_the_journal_is_enough(tmp_path: Path) -> None:
    states, entries = _days()
    assert recover(day_file(tmp_path), entries).state == states[-1]
    assert recover(day_file(tmp_path), []).state == DayState()


@pytest.mark.parametrize(
    "text",
    [
        "",  # emptied
        "{",  # torn by hand
        "[1]",
        '{"schema_version": 9, "day": {}}',  # of a later version
        '{"schema_version": 1, "day": {"lots": 3}}',
        '{"schema_version": 1}',
    ],
)
def test_a_damaged_file_is_said_and_not_taken_for_an_empty_day(tmp_path: Path, text: str) -> None:
    day_file(tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match="the day's state"):
        read_day(day_file(tmp_path))


def test_an_act_that_no_state_can_follow_is_said(tmp_path: Path) -> None:
    _, entries = _days()
    broken = ActEntry(1, "open_shift", "A", "foreman", {}, {}, {"shift": 7}, 1, "b")
    with pytest.raises(LedgerError, match="act 1 of the journal"):
        recover(day_file(tmp_path), [broken, *entries])


def test_people_can_read_the_file(tmp_path: Path) -> None:
    write_day(day_file(tmp_path), DayState(revision=3, closed_lots=("Партия 1",)))
    assert "Партия 1" in day_file(tmp_path).read_text(encoding="utf-8")
    assert json.loads(day_file(tmp_path).read_text(encoding="utf-8"))["day"]["revision"] == 3


# -- recipes on offer -------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> RecipeShelf:
    own = tmp_path / "own.yaml"
    own.write_bytes(default_recipe_path("40").read_bytes())
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "b.yaml").write_bytes(default_recipe_path("50").read_bytes())
    (folder / "a.yml").write_text("kind: nonsense", encoding="utf-8")
    (folder / ".hidden.yaml").write_bytes(default_recipe_path("50").read_bytes())
    (folder / "note.txt").write_text("no recipe", encoding="utf-8")
    config = station()
    return RecipeShelf(config.model_copy(update={"recipe": own, "recipes": folder}))


def test_the_own_recipe_comes_first_then_the_folder_then_the_catalogue(shelf: RecipeShelf) -> None:
    names = shelf.names()
    assert names[:3] == ("own.yaml", "a.yml", "b.yaml")
    assert "gost:40" in names
    assert ".hidden.yaml" not in names


def test_a_name_is_read_and_the_own_one_is_kept_as_nothing(shelf: RecipeShelf) -> None:
    assert shelf.load("b.yaml").size_label == "50"
    assert shelf.load("gost:60").size_label == "60"
    assert (shelf.kept_name("own.yaml"), shelf.kept_name("b.yaml")) == ("", "b.yaml")
    assert shelf.load("") == shelf.load("own.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "../own.yaml",  # out of the folder
        "/etc/passwd",
        "..",
        ".hidden.yaml",
        "note.txt",
        "missing.yaml",
        "a.yml",  # no recipe in it
        "gost:41",  # no such size
        "b.yaml\0",
        "recipes\\b.yaml",
    ],
)
def test_what_is_no_recipe_of_the_shelf_cannot_be_had(shelf: RecipeShelf, name: str) -> None:
    with pytest.raises(ConfigError):
        shelf.load(name)


def test_two_files_of_one_name_are_not_guessed_between(shelf: RecipeShelf, tmp_path: Path) -> None:
    (tmp_path / "recipes" / "own.yaml").write_bytes(default_recipe_path("50").read_bytes())
    with pytest.raises(ConfigError, match="two recipes"):
        shelf.load("own.yaml")
    assert shelf.load("").size_label == "40"  # a start is not a choice


def test_without_a_folder_only_the_own_recipe_and_the_catalogue(tmp_path: Path) -> None:
    config = station()
    shelf = RecipeShelf(config.model_copy(update={"recipe": Path("gost:40")}))
    assert shelf.own_name == "gost:40"
    assert shelf.names()[0] == "gost:40"
    assert shelf.names().count("gost:40") == 1
    with pytest.raises(ConfigError):
        shelf.load("b.yaml")
