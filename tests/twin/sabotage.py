"""A saboteur between a station's decisions and its PLC link: plausible bugs, on purpose.

Lives with the tests: nothing that is shipped can be told to do any of this. `Saboteur`
is plain logic; `SabotagedLink` is the station's own link with a saboteur in its wires.
Neighbours: `sabotaged_station` starts a station with it, `clocked_loop` uses the
saboteur on injected time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import StrEnum

from edge_runtime.config import LineGeometry, ModbusPlc
from edge_runtime.plc.events import LinkEvent, TriggersRead
from edge_runtime.plc.link import PlcLink
from edge_runtime.plc.records import TriggerRecord, VerdictRecord
from vision.types import Decision

LOSE_EVERY = 5


class Sabotage(StrEnum):
    """What the saboteur does to the verdicts."""

    SHIFT_BY_ONE = "shift_by_one"  # each under the number and the echo of the part before: off by one
    SHIFT_NUMBER = "shift_number"  # each under the number of the part before, with its own echo
    ACCEPT_WITHOUT_PROOF = "accept_without_proof"  # ACCEPT as soon as the trigger is known
    LOST_COMMAND = "lost_command"  # every fifth one is dropped
    STALE_EPOCH = "stale_epoch"  # each bears the epoch before


class Saboteur:
    """Turns what a station wants to send into what it sends."""

    def __init__(self, sabotage: Sabotage) -> None:
        self._sabotage = sabotage
        self._triggers: dict[tuple[int, int], TriggerRecord] = {}
        self._count = 0

    def on_trigger(self, trigger: TriggerRecord) -> list[VerdictRecord]:
        """A part became known; the verdicts to send for it at once."""
        self._triggers[trigger.lane, trigger.trigger_seq] = trigger
        if self._sabotage is not Sabotage.ACCEPT_WITHOUT_PROOF:
            return []
        return [
            VerdictRecord(
                trigger.epoch,
                trigger.lane,
                trigger.trigger_seq,
                trigger.encoder_count,
                int(Decision.ACCEPT),
                0,
            )
        ]

    def on_verdict(self, record: VerdictRecord) -> list[VerdictRecord]:
        """The station wants to send a verdict; what goes out instead."""
        self._count += 1
        match self._sabotage:
            case Sabotage.ACCEPT_WITHOUT_PROOF:
                return []
            case Sabotage.LOST_COMMAND:
                return [] if self._count % LOSE_EVERY == 0 else [record]
            case Sabotage.STALE_EPOCH:
                return [dataclasses.replace(record, epoch=record.epoch - 1)]
            case Sabotage.SHIFT_NUMBER:
                before = record.trigger_seq - 1
                return [dataclasses.replace(record, trigger_seq=before)] if before else []
            case Sabotage.SHIFT_BY_ONE:
                trigger = self._triggers.get((record.lane, record.trigger_seq - 1))
                if trigger is None:
                    return []
                return [
                    dataclasses.replace(
                        record,
                        trigger_seq=trigger.trigger_seq,
                        trigger_encoder_count=trigger.encoder_count,
                    )
                ]


class SabotagedLink(PlcLink):
    """The station's link with a saboteur in it; otherwise the real one."""

    def __init__(
        self,
        sabotage: Sabotage,
        config: ModbusPlc,
        line: LineGeometry,
        sink: Callable[[LinkEvent], None],
        epoch_floor: int,
    ) -> None:
        super().__init__(config, line, self._watch, epoch_floor)
        self._saboteur = Saboteur(sabotage)
        self._tell = sink

    def _watch(self, event: LinkEvent) -> None:
        self._tell(event)
        if isinstance(event, TriggersRead):
            for trigger in event.records:
                for record in self._saboteur.on_trigger(trigger):
                    super().send_verdict(record)

    def send_verdict(self, record: VerdictRecord) -> None:
        """Hand the writer what the saboteur makes of it."""
        for altered in self._saboteur.on_verdict(record):
            super().send_verdict(altered)
