"""The register area as the PLC's program sees it: ring counters, slots, header.

Works on the very list that the Modbus server answers from (`registers[0]` is
address 0), so a write here is visible to the station's next read without a copy.
Neighbours: `plc_logic` calls it in the scan, `plc_main` hands it the server's list
and stamps verdict slots as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence
from typing import cast

from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, VerdictRecord, pack, pack_slot, unpack_slot
from edge_runtime.plc.registers import (
    OUTCOME_RING,
    PLC_GEOMETRY,
    PLC_HEADER,
    SERVICE,
    STATION_HEADER,
    TRIGGER_RING,
    VERDICT_RING,
    Block,
    Ring,
    slot_seq,
)

WORD = 0xFFFF
#: size of the area a server offers; the map ends earlier, the rest reads 0
AREA_WORDS = 8000
STATION_FIRST = STATION_HEADER.address
# Looked at in every scan, so not worked out anew each time.
_VERDICT_FIRST = VERDICT_RING.slot.address
_VERDICT_WORDS = VERDICT_RING.slot_words


def _addresses(block: Block) -> dict[str, tuple[int, int]]:
    return {field.name: (block.address + field.offset, field.words) for field in block.fields}


class PlcMemory:
    """Typed access to the registers.

    Args:
        registers: at least `REGISTERS_TOTAL` 16-bit values, from address 0.
    """

    _PLC = _addresses(PLC_HEADER)
    _STATION = _addresses(STATION_HEADER) | _addresses(SERVICE)

    def __init__(self, registers: MutableSequence[int]) -> None:
        self.registers = registers
        self.trigger_head = 0
        self.outcome_head = 0
        self.verdict_tail = 0
        #: when each verdict slot was last written, monotonic ns; set by the server
        self.verdict_written_ns = [0] * VERDICT_RING.slots

    def station(self, name: str) -> int:
        """A field of the station header or of the service block."""
        address, words = self._STATION[name]
        if words == 2:
            return self.registers[address] << 16 | self.registers[address + 1]
        return self.registers[address]

    def set_header(self, values: Mapping[str, int]) -> None:
        """Write fields of the PLC header; 16-bit counters wrap."""
        for name, value in values.items():
            address, words = self._PLC[name]
            if words == 2:
                self.registers[address] = (value >> 16) & WORD
                self.registers[address + 1] = value & WORD
            else:
                self.registers[address] = value & WORD

    def set_geometry(self, values: Mapping[str, int]) -> None:
        """Write the geometry block.

        Raises:
            ValueError: a value does not fit its register.
        """
        words = pack(PLC_GEOMETRY, values)
        self.registers[PLC_GEOMETRY.address : PLC_GEOMETRY.address + len(words)] = words

    @property
    def trigger_ring_full(self) -> bool:
        """The station has not taken enough triggers for one more to fit."""
        return self._used(self.trigger_head, "trigger_tail") >= TRIGGER_RING.slots

    @property
    def outcome_ring_full(self) -> bool:
        """The station has not taken enough outcomes for one more to fit."""
        return self._used(self.outcome_head, "outcome_tail") >= OUTCOME_RING.slots

    def _used(self, head: int, tail_name: str) -> int:
        # A tail that never was a head (garbage, or of another PLC start) reads as a full ring.
        return (head - self.station(tail_name)) & WORD

    def push_trigger(self, record: TriggerRecord) -> bool:
        """Put a trigger into the ring; False when it is full."""
        if self.trigger_ring_full:
            return False
        self._write(TRIGGER_RING, self.trigger_head, record)
        self.trigger_head += 1
        self.set_header({"trigger_head": self.trigger_head})
        return True

    def push_outcome(self, record: OutcomeRecord) -> bool:
        """Put an outcome into the ring; False when it is full."""
        if self.outcome_ring_full:
            return False
        self._write(OUTCOME_RING, self.outcome_head, record)
        self.outcome_head += 1
        self.set_header({"outcome_head": self.outcome_head})
        return True

    def _write(self, ring: Ring, index: int, record: TriggerRecord | OutcomeRecord) -> None:
        address = ring.slot_address(index)
        words = pack_slot(ring, index, record)
        last = len(words) - 1
        self.registers[address : address + last] = words[:last]
        self.registers[address + last] = words[last]

    def take_verdict(self) -> tuple[VerdictRecord, int, int] | None:
        """Next verdict, its ring index and the time its slot was written; None when there is none."""
        index = self.verdict_tail
        address = _VERDICT_FIRST + index % VERDICT_RING.slots * _VERDICT_WORDS
        end = address + _VERDICT_WORDS
        if self.registers[end - 1] != slot_seq(index):
            return None
        # The last register was just seen to be right, so the slot is whole.
        values = cast(dict[str, int], unpack_slot(VERDICT_RING, index, self.registers[address:end]))
        self.verdict_tail += 1
        self.set_header({"verdict_tail": self.verdict_tail})
        return VerdictRecord(**values), index, self.verdict_written_ns[index % VERDICT_RING.slots]

    def stamp_written(self, address: int, count: int, t_ns: int) -> None:
        """Remember when verdict slots were written: those whose last register lies in the range."""
        words = _VERDICT_WORDS
        first = max(address, _VERDICT_FIRST) - _VERDICT_FIRST
        end = min(address + count - _VERDICT_FIRST, VERDICT_RING.slots * words)
        for last in range(first + (words - 1 - first) % words, end, words):
            self.verdict_written_ns[last // words] = t_ns
