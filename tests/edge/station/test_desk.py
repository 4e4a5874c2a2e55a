"""The desk: acts over a real socket, durable before they are answered, whoever else shouts at it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.catalogue import written
from edge_runtime.day.acts import Act, ChangeRecipe, CloseLot, OpenLot, OpenShift
from edge_runtime.day.client import ActRefused, StationUnreachable, desk_path, send_act
from edge_runtime.day.files import day_file, read_day, recover
from edge_runtime.day.state import DayState
from edge_runtime.day.wire import REQUEST_MAX_BYTES, read_answer
from edge_runtime.entries import ActEntry
from edge_runtime.journal import last_known, read_journal
from edge_runtime.station import desk as desk_module
from edge_runtime.station.desk import CALLERS_MAX
from tests.edge.core_rig import RECIPE, station
from tests.edge.station.desk_rig import DeskRig

WAIT_S = 20.0


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"desk-{os.getpid()}-{abs(hash(tmp_path)) % 10**8}"


@pytest.fixture
def rig(tmp_path: Path, name: str) -> Iterator[DeskRig]:
    rig = DeskRig(tmp_path, name)
    _until(lambda: _open(name))
    yield rig
    rig.close()


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def _open(name: str) -> bool:
    """The desk takes callers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        return caller.connect_ex(str(desk_path(name))) == 0


def _act(name: str, act: Act, revision: int | None = None) -> DayState:
    return send_act(name, act, "Aigul", "foreman", revision, timeout_s=WAIT_S)


def _connected(name: str) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.settimeout(WAIT_S)
    caller.connect(str(desk_path(name)))
    return caller


def _said(caller: socket.socket) -> bytes:
    """All that the desk says before it closes the connection."""
    data = b""
    try:
        while piece := caller.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        pass  # it closed while we were still sending
    return data


def test_an_answered_act_is_on_the_disk(rig: DeskRig, name: str, tmp_path: Path) -> None:
    day = _act(name, OpenShift(name="Смена 1"))
    assert day.shift is not None
    (entry,) = [entry for _, entry in read_journal(tmp_path / "journal") if isinstance(entry, ActEntry)]
    assert (entry.by, entry.role, entry.revision) == ("Aigul", "foreman", 1)
    assert read_day(day_file(tmp_path)) == day
    assert rig.faults == []


def test_a_refusal_comes_back_as_code_and_values(rig: DeskRig, name: str) -> None:
    _act(name, OpenLot(name="L-1", product=RECIPE.product))
    with pytest.raises(ActRefused) as refused:
        _act(name, OpenLot(name="L-2", product=RECIPE.product))
    assert (refused.value.code, refused.value.values) == ("lot_open", {"lot": "L-1"})
    assert "L-1" in refused.value.text


def test_of_two_foremen_at_once_one_is_told_and_nothing_is_lost(rig: DeskRig, name: str) -> None:
    outcomes: list[DayState | ActRefused] = []

    def foreman(act: Act) -> None:
        try:
            outcomes.append(_act(name, act, revision=0))
        except ActRefused as refused:
            outcomes.append(refused)

    people = [
        threading.Thread(target=foreman, args=(OpenLot(name=f"L-{number}", product=RECIPE.product),))
        for number in range(4)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    done = [outcome for outcome in outcomes if isinstance(outcome, DayState)]
    told = [outcome for outcome in outcomes if isinstance(outcome, ActRefused)]
    assert (len(done), {refused.code for refused in told}) == (1, {"changed_meanwhile"})
    assert {refused.values["by"] for refused in told} == {"Aigul"}


@pytest.mark.parametrize(
    "recipe",
    ["gost:41", "../../etc/passwd", "no-such.yaml", "<img src=x>"],
)
def test_a_recipe_that_is_none_is_refused(rig: DeskRig, name: str, recipe: str) -> None:
    with pytest.raises(ActRefused) as refused:
        _act(name, ChangeRecipe(recipe=recipe))
    assert refused.value.code == "unknown_recipe"
    assert refused.value.values["recipe"] == recipe


def test_a_recipe_for_balls_that_the_eye_would_refuse_is_refused_now_and_not_at_the_line(
    rig: DeskRig, name: str
) -> None:
    with pytest.raises(ActRefused) as refused:
        _act(name, ChangeRecipe(recipe="gost:60"))
    assert refused.value.code == "recipe_refused"
    assert "240 to 384" in str(refused.value.values["detail"])


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b"\x00\xff\xfe\n",
        b'{"act": {"kind": "open_shift", "name": "1"}}\n',  # by nobody
        b'{"act": {"kind": "drop_tables"}, "by": "A", "role": "admin"}\n',
        b'{"act": {"kind": "open_shift", "name": "1"}, "by": "A", "role": "admin", "revision": -1}\n',
        b"[" * 50_000 + b"\n",
        b'{"act": {"kind": "open_shift", "name": "1"}, "by": "A", "role": "admin", "extra": 1}\n',
    ],
)
def test_nonsense_is_answered_and_changes_nothing(rig: DeskRig, name: str, line: bytes) -> None:
    with _connected(name) as caller:
        caller.sendall(line)
        answer = read_answer(_said(caller))
    assert (answer.ok, getattr(answer, "code", "")) == (False, "bad_act")
    assert _act(name, OpenShift(name="1")).revision == 1


def test_a_request_without_an_end_is_cut_off(rig: DeskRig, name: str) -> None:
    with _connected(name) as caller:
        try:
            for _ in range(64):
                caller.sendall(b"x" * REQUEST_MAX_BYTES)
        except OSError:
            pass  # it hung up
    assert _act(name, OpenShift(name="1")).revision == 1


def test_the_slow_and_the_many_lose_their_own_connection_only(
    rig: DeskRig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "CALLER_S", 0.2)
    slow = [_connected(name) for _ in range(3 * CALLERS_MAX)]
    try:
        for caller in slow:
            try:
                caller.sendall(b'{"act":')
            except OSError:
                continue  # it was one too many
        _until(lambda: _acted(name))
        for caller in slow:
            assert _said(caller) == b""
    finally:
        for caller in slow:
            caller.close()


def _acted(name: str) -> bool:
    """An act goes through, perhaps only after the slow ones were sent away."""
    try:
        return _act(name, OpenShift(name="1")).revision == 1
    except StationUnreachable:
        return False


def test_only_the_stations_own_user_reaches_it(rig: DeskRig, name: str) -> None:
    mode = desk_path(name).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_socket_that_a_dead_station_left_is_replaced_and_taken_away_at_the_end(
    tmp_path: Path, name: str
) -> None:
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(desk_path(name)))
    stale.close()
    with pytest.raises(StationUnreachable):
        _act(name, OpenShift(name="1"))
    rig = DeskRig(tmp_path, name)
    try:
        _until(lambda: _acted(name))
    finally:
        rig.close()
    assert not desk_path(name).exists()


def test_a_desk_that_cannot_open_is_named_in_the_books(tmp_path: Path, name: str) -> None:
    desk_path(name).mkdir()  # no socket can be put in its place
    rig = DeskRig(tmp_path, name)
    try:
        _until(lambda: [code for code, _ in rig.faults] == ["desk_closed"])
    finally:
        rig.close()
        desk_path(name).rmdir()


def test_without_a_station_it_is_said(name: str) -> None:
    with pytest.raises(StationUnreachable, match="does not answer"):
        _act(name, OpenShift(name="1"))


def test_an_act_that_the_loop_does_not_take_up_is_not_done_later(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "LOOP_S", 0.1)
    rig = DeskRig(tmp_path, name, loop=False)
    try:
        _until(lambda: _open(name))
        with pytest.raises(StationUnreachable):
            _act(name, OpenShift(name="1"))
        asked = rig.inbox.get_nowait()
        assert asked is not None
        rig.keeper.on_act(asked)  # the loop comes back to life
        assert rig.keeper.state == DayState()
    finally:
        rig.close()


def test_nobody_is_told_that_it_is_done_before_it_is_on_disk(tmp_path: Path, name: str) -> None:
    rig = DeskRig(tmp_path, name, wait_durable=lambda number, timeout_s: False)
    try:
        _until(lambda: _open(name))
        with pytest.raises(StationUnreachable):
            _act(name, OpenShift(name="1"))
    finally:
        rig.close()


def test_a_folder_that_cannot_be_written_is_named_and_the_act_stands_in_the_journal(
    rig: DeskRig, name: str, tmp_path: Path
) -> None:
    day_file(tmp_path).mkdir()  # nothing can be put in its place
    day = _act(name, OpenShift(name="1"))
    assert {code for code, _ in rig.faults} == {"day_file"}
    day_file(tmp_path).rmdir()
    assert recover(day_file(tmp_path), last_known(tmp_path / "journal").acts).state == day
    _until(day_file(tmp_path).exists)  # and it is tried again
    assert [code for code, _ in rig.faults] == ["day_file"]


@pytest.mark.parametrize("acts_before_it_dies", [1, 4, 9])
def test_a_killed_station_has_lost_no_act_that_it_answered(
    tmp_path: Path, name: str, acts_before_it_dies: int
) -> None:
    """kill -9 in the middle of a stream of acts; what was answered is there, and nothing is half there."""
    answered = DayState()
    for life in range(2):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.edge.station.desk_rig", str(tmp_path), name],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "open\n"
                _until(lambda: _open(name))
                killer = threading.Timer(0.0, process.send_signal, (signal.SIGKILL,))
                if answered.lot is not None:  # the act under way when the first life ended
                    answered = _act(name, CloseLot())
                try:
                    for number in range(acts_before_it_dies + 50):
                        if number == acts_before_it_dies:
                            killer.start()
                        lot = f"{life}-{number}"
                        answered = _act(name, OpenLot(name=lot, product=RECIPE.product))
                        answered = _act(name, CloseLot())
                except StationUnreachable:
                    killer.join()
            finally:
                process.kill()
        found = recover(day_file(tmp_path), last_known(tmp_path / "journal").acts)
        assert found.gap == ""
        assert found.state.revision in (answered.revision, answered.revision + 1)
        assert found.state.closed_lots[: len(answered.closed_lots)] == answered.closed_lots
        assert len(answered.closed_lots) >= acts_before_it_dies
        answered = found.state
    desk_path(name).unlink(missing_ok=True)


def test_the_station_of_the_rig_could_be_changed_over(tmp_path: Path, name: str) -> None:
    """The refusals above are the recipes' fault: one that fits goes through."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    size = RECIPE.size.model_copy(
        update={"nominal_mm": RECIPE.size.nominal_mm.model_copy(update={"value": 38.0})}
    )
    text = written(RECIPE.model_copy(update={"size": size, "product": "Ball 38"}), "test")
    (folder / "38.yaml").write_text(text, encoding="utf-8")
    config = station().model_copy(update={"recipes": folder})
    rig = DeskRig(tmp_path, name, config=config)
    try:
        _until(lambda: _open(name))
        day = _act(name, ChangeRecipe(recipe="38.yaml"))
        assert day.changeover is not None
        assert (day.changeover.product, day.changeover.old_sha256) == ("Ball 38", RECIPE.sha256())
    finally:
        rig.close()
