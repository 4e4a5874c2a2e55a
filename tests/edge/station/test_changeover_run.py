"""A changeover through `ferrogate run`: the station starts anew with the other recipe, or says why not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
import yaml

from edge_runtime.day.acts import ChangeRecipe, OpenLot, OpenShift
from edge_runtime.day.client import ActRefused, desk_path, send_act
from edge_runtime.entries import ActEntry, Entry, SessionEntry
from edge_runtime.journal import read_journal
from edge_runtime.live.mailbox import MailboxReader, status_box_name
from edge_runtime.live.status import StationStatus
from edge_runtime.recipes import default_recipe_path
from edge_runtime.shm_ring import RingError, memory_path
from tests.edge.test_station_bench import write_bench_station
from tests.strips import draw_strip

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "edge_runtime", "run"]
WAIT_S = 60.0


class Running:
    """A station under `ferrogate run`, seen and told things as the page does it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def status(self) -> StationStatus | None:
        try:
            box = MailboxReader(status_box_name(self.name))
        except RingError:
            return None
        try:
            data = box.read()
            return None if data is None else StationStatus.model_validate_json(data)
        finally:
            box.close()

    def until(self, true: Callable[[StationStatus], bool]) -> StationStatus:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            status = self.status()
            if status is not None and desk_path(self.name).exists() and true(status):
                return status
            time.sleep(0.05)
        raise AssertionError(f"it did not happen: {self.status()}")

    def change_recipe(self, recipe: str) -> None:
        send_act(self.name, ChangeRecipe(recipe=recipe), "Aigul", "foreman", timeout_s=WAIT_S)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    pictures = tmp_path / "strip"
    pictures.mkdir()
    for number, x in enumerate([100, 300, 500]):
        cv2.imwrite(str(pictures / f"f{number:06d}.png"), draw_strip([x], seed=number))
    path = write_bench_station(tmp_path, pictures, 640, 60)
    data = yaml.safe_load(path.read_text(encoding="utf-8")) | {"recipes": "recipes"}
    # Slow enough that it plays for as long as the test lasts.
    data["cameras"][0]["source"] |= {"realtime": True, "frames_per_s": 0.01}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    (tmp_path / "recipes").mkdir()
    shutil.copy(default_recipe_path("50"), tmp_path / "recipes" / "fifty.yaml")
    return path


@contextmanager
def _running(path: Path) -> Iterator[Running]:
    name = yaml.safe_load(path.read_text(encoding="utf-8"))["name"]
    with subprocess.Popen([*COMMAND, str(path)], stderr=subprocess.PIPE, text=True) as supervisor:
        try:
            yield Running(name)
        finally:
            supervisor.send_signal(signal.SIGTERM)
            _, messages = supervisor.communicate(timeout=WAIT_S)
    assert supervisor.returncode == 0, messages
    assert not memory_path(status_box_name(name)).exists()
    assert not desk_path(name).exists()


def test_the_station_comes_back_with_the_other_recipe_and_with_its_shift(
    station: Path, tmp_path: Path
) -> None:
    with _running(station) as running:
        before = running.until(lambda now: now.ready)
        assert (before.recipe.name, before.recipe.product) == ("recipe.yaml", "Grinding ball 40, GOST 7524")
        send_act(running.name, OpenShift(name="1"), "Aigul", "foreman", timeout_s=WAIT_S)
        running.change_recipe("fifty.yaml")
        after = running.until(lambda now: now.session != before.session)
        assert (after.recipe.name, after.recipe.product) == ("fifty.yaml", "Grinding ball 50, GOST 7524")
        assert after.day.shift is not None
        with pytest.raises(ActRefused) as refused:
            running.change_recipe("fifty.yaml")
        assert refused.value.code == "same_recipe"
        running.change_recipe("recipe.yaml")
        last = running.until(lambda now: now.session not in (before.session, after.session))
        assert (last.recipe.sha256, last.day.recipe) == (before.recipe.sha256, "")
    entries = [entry for _, entry in read_journal(tmp_path / "books" / "journal")]
    done = [e.asked for e in entries if isinstance(e, ActEntry) and e.act == "changeover_done"]
    sessions = [e.recipe_sha256 for e in entries if isinstance(e, SessionEntry)]
    assert [(each["old_sha256"], each["new_sha256"]) for each in done] == [
        (sessions[0], sessions[1]),
        (sessions[1], sessions[2]),
    ]
    assert sessions[0] == sessions[2] != sessions[1]


def test_a_recipe_that_no_longer_loads_holds_the_line_until_a_person_chooses(
    station: Path, tmp_path: Path
) -> None:
    chosen = tmp_path / "recipes" / "fifty.yaml"
    with _running(station) as running:
        before = running.until(lambda now: now.ready)
        running.change_recipe("fifty.yaml")
        running.until(lambda now: now.session != before.session)
    chosen.write_text("kind: ball\nsize: {}\n", encoding="utf-8")
    check = subprocess.run(
        [*COMMAND, str(station), "--check"], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    assert "NOT READY" in check.stderr
    with _running(station) as running:
        held = running.until(lambda now: True)
        assert not held.ready
        assert "fifty.yaml" in held.holds["recipe"]
        assert held.day.recipe == "fifty.yaml"
        with pytest.raises(ActRefused, match="recipe"):
            send_act(
                running.name,
                OpenLot(name="L-1", product=held.recipe.product),
                "A",
                "foreman",
                timeout_s=WAIT_S,
            )
        running.change_recipe("recipe.yaml")  # the one that only stands in is a choice, too
        free = running.until(lambda now: now.session != held.session and now.ready)
        assert (free.day.recipe, free.recipe.name) == ("", "recipe.yaml")
    entries = [entry for _, entry in read_journal(tmp_path / "books" / "journal")]
    # The stand-in was another recipe than the session before had: that is on record.
    noted = [entry for entry in entries if isinstance(entry, ActEntry) and entry.act == "session"]
    assert [(e.before, e.after) for e in noted] == [
        (
            {"recipe_sha256": _hash(entries, 1)},
            {"recipe_sha256": _hash(entries, 0)},
        )
    ]


def _hash(entries: list[Entry], number: int) -> str:
    sessions = [entry for entry in entries if isinstance(entry, SessionEntry)]
    return sessions[number].recipe_sha256


def test_a_damaged_day_is_said_before_anything_starts(station: Path, tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "day.json").write_text("{", encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, str(station)], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 8
    assert "day.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_logs_are_lines_for_machines(station: Path) -> None:
    """What the processes print while they run is one JSON object per line, each with its process."""
    with subprocess.Popen([*COMMAND, str(station)], stderr=subprocess.PIPE, text=True) as supervisor:
        name = yaml.safe_load(station.read_text(encoding="utf-8"))["name"]
        running = Running(name)
        before = running.until(lambda now: now.ready)
        running.change_recipe("fifty.yaml")
        running.until(lambda now: now.session != before.session)
        supervisor.send_signal(signal.SIGTERM)
        _, messages = supervisor.communicate(timeout=WAIT_S)
    events = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    (ended,) = [event for event in events if event["event"] == "process_ended"]
    assert (ended["process"], ended["child"], ended["why"]) == ("supervisor", "station", "exit code 75")
