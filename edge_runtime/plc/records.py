"""Pack and unpack: registers to typed records and back. No sockets here.

Used by the station's link and by the twin's PLC alike, so that both sides share
one reading of the map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.plc.registers import NO_TEMPERATURE, Block, Ring, slot_seq

WORD_MAX = 0xFFFF


def pack(block: Block, values: Mapping[str, int]) -> list[int]:
    """Registers of a block, in order; fields that are not named are 0.

    Raises:
        ValueError: a value does not fit its field.
        KeyError: a name is not in the block.
    """
    registers = [0] * block.words
    for name, value in values.items():
        field = block.field(name)
        if not 0 <= value < 1 << (16 * field.words):
            raise ValueError(f"{block.name}.{name} = {value} does not fit {field.words} register(s)")
        if field.words == 2:
            registers[field.offset] = value >> 16
            registers[field.offset + 1] = value & WORD_MAX
        else:
            registers[field.offset] = value
    return registers


def unpack(block: Block, registers: Sequence[int]) -> dict[str, int]:
    """All fields of a block by name.

    Raises:
        ValueError: fewer registers than the block has.
    """
    if len(registers) < block.words:
        raise ValueError(f"{block.name} has {block.words} registers, got {len(registers)}")
    return {
        field.name: (registers[field.offset] << 16 | registers[field.offset + 1])
        if field.words == 2
        else registers[field.offset]
        for field in block.fields
    }


@dataclass(frozen=True, slots=True)
class TriggerRecord:
    """One entry of the trigger ring."""

    epoch: int
    lane: int
    trigger_seq: int
    encoder_count: int
    pulse_counts: int


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """One entry of the verdict ring; `verdict` is a `vision.types.Decision` number."""

    epoch: int
    lane: int
    trigger_seq: int
    trigger_encoder_count: int
    verdict: int
    reason: int


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """One entry of the outcome ring; `side`, `cause`, `confirm` as in `registers`.

    `confirm_encoder_count` means nothing while `confirm` is NONE.
    """

    epoch: int
    lane: int
    trigger_seq: int
    trigger_encoder_count: int
    pulse_counts: int
    side: int
    cause: int
    verdict: int
    reason: int
    confirm: int
    confirm_encoder_count: int = 0


Record = TriggerRecord | VerdictRecord | OutcomeRecord


def pack_slot(ring: Ring, index: int, record: Record) -> list[int]:
    """Registers of one ring slot, `slot_seq` last."""
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return pack(ring.slot, values | {"slot_seq": slot_seq(index)})


def unpack_slot(ring: Ring, index: int, registers: Sequence[int]) -> dict[str, int] | None:
    """Fields of one slot, or None when ring entry `index` is not (or no longer) whole in it."""
    values = unpack(ring.slot, registers)
    if values.pop("slot_seq") != slot_seq(index):
        return None
    return values


def temperature_word(celsius: float | None) -> int:
    """Register value of a temperature, 0.1 degC in two's complement; None: no reading.

    Raises:
        ValueError: no number, or not within -3276.7..3276.7 degC.
    """
    if celsius is None:
        return NO_TEMPERATURE
    if not abs(celsius) <= 3276.7:
        raise ValueError(f"{celsius} degC does not fit the register")
    return round(celsius * 10.0) & WORD_MAX


def celsius_of(word: int) -> float | None:
    """Temperature of a register value, degC; None: no reading."""
    if word == NO_TEMPERATURE:
        return None
    return (word - (1 << 16) if word & 0x8000 else word) / 10.0
