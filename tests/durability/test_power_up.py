"""After a loss of power up to Ready without a hand, the belt latched until a person resets it; and an
orderly end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_runtime.ledger.books import balance
from edge_runtime.ledger.place import LedgerPlace, open_caught_up
from edge_runtime.ledger.store import ledger_url, reading
from edge_runtime.live.mailbox import picture_box_name, status_box_name
from edge_runtime.plc.registers import PlcStatus, StopCause
from edge_runtime.shm_ring import memory_path, picture_ring_name
from edge_runtime.station.last_good import kept
from edge_runtime.twin.field import Word
from tests.durability.plant import Plant
from vision.errors import LinkError

pytestmark = [pytest.mark.long, pytest.mark.line, pytest.mark.timeout(400)]
WAIT_S = 120.0


class Line:
    """A plant with nobody at it, and `ferrogate run`."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(folder, operator_comes=False)
        self._log = folder / "stderr.txt"
        self.station: subprocess.Popen[bytes] | None = None

    def start_station(self) -> None:
        command = [sys.executable, "-m", "edge_runtime", "run", str(self.plant.station_file)]
        with self._log.open("ab") as log:
            self.station = subprocess.Popen(command, stderr=log, start_new_session=True)

    def kill_station(self) -> None:
        assert self.station is not None
        with suppress(ProcessLookupError):
            os.killpg(self.station.pid, signal.SIGKILL)
        self.station.wait()

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, self._log.read_text(encoding="utf-8")[-3000:]
            self.plant.log.read()
            time.sleep(0.02)

    def accepted(self) -> int:
        return sum(outcome.side == "ACCEPT" for outcome in self.plant.log.outcomes)

    def trusted(self) -> bool:
        with suppress(LinkError):
            return PlcStatus.STATION_TRUSTED in PlcStatus(self.plant.header()["plc_status"])
        return False

    def close(self) -> None:
        if self.station is not None and self.station.poll() is None:
            self.kill_station()
        self.plant.close()
        name = self.plant.station
        for left in (status_box_name(name), picture_box_name(name, "left"), picture_ring_name(name)):
            memory_path(left).unlink(missing_ok=True)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


def test_after_a_loss_of_power_all_comes_up_and_the_belt_stands_until_a_person_resets_it(line: Line) -> None:
    plant = line.plant
    plant.start()
    line.start_station()
    line.until(lambda: line.accepted() >= 3)
    line.until(lambda: kept(plant.storage) is not None)
    line.kill_station()
    plant.cut_power()
    # The box is up before the PLC and the camera are: both are waited for.
    line.start_station()
    time.sleep(3.0)
    before = line.accepted()
    plant.start()
    line.until(line.trusted)
    for _ in range(20):
        assert plant.header()["stop_cause"] == StopCause.POWER
        assert plant.field.get(Word.BELT_ENABLE) == 0
        assert not plant.field.gate(plant.settings.lane)[0]
        time.sleep(0.05)
    assert line.accepted() == before
    plant.field.add(Word.OPERATOR_RESET)
    line.until(lambda: line.accepted() >= before + 3)
    assert line.station is not None
    assert line.station.poll() is None


def test_an_orderly_end_rejects_what_is_in_flight_and_balances_the_books(line: Line) -> None:
    plant = line.plant
    plant.start()
    line.start_station()
    line.until(lambda: line.accepted() >= 3)
    station = line.station
    assert station is not None
    station.send_signal(signal.SIGTERM)
    assert station.wait(60.0) == 0
    plant.log.read()
    decided = len(plant.log.decided)
    in_flight = len(plant.log.triggers) - len(plant.log.outcomes)
    assert in_flight > 0
    line.until(lambda: len(plant.log.decided) >= decided + 4)
    assert set(plant.log.decided[decided:]) == {"REJECT"}
    # The next station books what the PLC did with them meanwhile.
    line.start_station()
    accepted = line.accepted()
    line.until(lambda: line.accepted() >= accepted + 1)
    plant.field.set(Word.FEED_HOLD, 1)
    line.until(lambda: len(plant.log.outcomes) == len(plant.log.triggers))
    time.sleep(2.5)  # the newest counters are written every two seconds
    assert line.station is not None
    line.station.send_signal(signal.SIGTERM)
    assert line.station.wait(60.0) == 0
    engine, _ = open_caught_up(LedgerPlace(plant.storage, ledger_url(plant.storage)), insist=True)
    with reading(engine) as connection:
        books = balance(connection)
    engine.dispose()
    assert books.balanced, books.text()
