"""What the PLC link tells the station's core, as plain values through its inbox."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.plc.records import OutcomeRecord, TriggerRecord


@dataclass(frozen=True, slots=True)
class EpochAgreed:
    """The PLC has put an epoch in force; the core clears its parts and answers with `ack_epoch`.

    `header` is the PLC's header as it was read then; empty where there is no PLC.
    """

    epoch: int
    plc_boot_id: int
    cause: str
    header: dict[str, int]


@dataclass(frozen=True, slots=True)
class LinkDown:
    """No PLC: why, in words. Everything in flight will be rejected by the PLC's own time-out."""

    reason: str


@dataclass(frozen=True, slots=True)
class GeometryDiffers:
    """The PLC's geometry is not the station file's: the station stays not Ready."""

    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusRead:
    """One poll of the PLC's header, field name to value (see `registers.PLC_HEADER`)."""

    header: dict[str, int]


@dataclass(frozen=True, slots=True)
class TriggersRead:
    """New entries of the trigger ring, oldest first."""

    records: tuple[TriggerRecord, ...]


@dataclass(frozen=True, slots=True)
class OutcomesRead:
    """New entries of the outcome ring, oldest first; `tail` acknowledges all of them."""

    records: tuple[OutcomeRecord, ...]
    tail: int


@dataclass(frozen=True, slots=True)
class VerdictsLost:
    """Verdicts that could not be handed to the PLC (link down or ring full): the PLC rejects by default."""

    count: int
    cause: str


LinkEvent = EpochAgreed | LinkDown | GeometryDiffers | StatusRead | TriggersRead | OutcomesRead | VerdictsLost
