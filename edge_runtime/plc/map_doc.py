"""docs/plc_registers.md, printed from the register map: tables here, prose in `map_rules` and `map_program`.

`ferrogate plc-map` prints it; a test keeps the file in docs/ equal to it. Addresses,
names and numbers come from `registers`, `vision.types` and `vision.reasons`, never
from this text, so the document cannot say anything else than the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from edge_runtime.plc import registers as reg
from edge_runtime.plc.map_program import PROGRAM, SIMATIC
from edge_runtime.plc.map_rules import (
    CASES,
    CAUSE_TEXTS,
    INTRODUCTION,
    KEY_TEXTS,
    RULES,
    SIDE_TEXTS,
    STATE_TEXTS,
    STATUS_TEXTS,
    STOP_TEXTS,
)
from vision.reasons import REASON_NUMBERS
from vision.types import Decision

TITLE = "# Register map between station and PLC"
NOTE = "<!-- Printed by `ferrogate plc-map`; edit edge_runtime/plc, not this file. -->"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _width(words: int) -> str:
    return "u16" if words == 1 else "u32"


def _block(block: reg.Block) -> str:
    rows = [
        (block.address + field.offset, f"`{field.name}`", _width(field.words), field.text)
        for field in sorted(block.fields, key=lambda field: field.offset)
    ]
    head = (
        f"### {block.name}: {block.address}..{block.address + block.words - 1}, written by the {block.writer}"
    )
    return "\n\n".join((head, block.text, _table(("register", "name", "type", "meaning"), rows)))


def _ring(ring: reg.Ring) -> str:
    slot = ring.slot
    end = slot.address + ring.slots * ring.slot_words - 1
    rows = [
        (f"+{field.offset}", f"`{field.name}`", _width(field.words), field.text)
        for field in sorted(slot.fields, key=lambda field: field.offset)
    ]
    return "\n\n".join(
        (
            f"### {slot.name} ring: {slot.address}..{end}, written by the {slot.writer}",
            f"{slot.text} {ring.slots} slots of {ring.slot_words} registers: ring entry `i` lies at register "
            f"`{slot.address} + (i mod {ring.slots}) * {ring.slot_words}`, and its `slot_seq` is "
            "`(i + 1) mod 65536`.",
            _table(("register", "name", "type", "meaning"), rows),
        )
    )


def _enum(title: str, members: Iterable[IntEnum], texts: dict[str, str]) -> str:
    rows = [(member.value, member.name, texts[member.name]) for member in members]
    return f"### {title}\n\n" + _table(("value", "name", "meaning"), rows)


def _numbers() -> str:
    status = [
        (bit.value.bit_length() - 1, bit.name or "", STATUS_TEXTS[bit.name or ""]) for bit in reg.PlcStatus
    ]
    verdict_texts = {"ACCEPT": "accept", "REJECT": "reject", "REVIEW": "sent to reject, a person looks at it"}
    confirm_texts = {
        "NONE": "no eye saw it in its window",
        "ACCEPT_EYE": "the accept chute's eye",
        "REJECT_EYE": "the reject chute's eye",
    }
    reasons = [(number, f"`{word}`" if word else "none") for word, number in REASON_NUMBERS.items()]
    return "\n\n".join(
        (
            "### Bits of `plc_status`\n\n" + _table(("bit", "name", "meaning"), status),
            _enum("Values of `station_state`", reg.StationState, STATE_TEXTS),
            _enum("Values of `stop_cause`", reg.StopCause, STOP_TEXTS),
            _enum("Values of `key_switch`", reg.KeySwitch, KEY_TEXTS),
            _enum("Values of `verdict`", Decision, verdict_texts),
            _enum("Values of `side`", reg.Side, SIDE_TEXTS),
            _enum("Values of `confirm`", reg.Confirm, confirm_texts),
            _enum("Values of `cause`", reg.Cause, CAUSE_TEXTS),
            "### Values of `reason`\n\nNumbers are never given a second meaning.\n\n"
            + _table(("value", "word"), reasons),
        )
    )


def render() -> str:
    """The whole document, Markdown, with a line end at its end."""
    blocks = (
        _block(reg.PLC_HEADER),
        _block(reg.PLC_GEOMETRY),
        _ring(reg.TRIGGER_RING),
        _ring(reg.OUTCOME_RING),
    )
    station = (_block(reg.STATION_HEADER), _block(reg.SERVICE), _ring(reg.VERDICT_RING))
    figures = {
        "MAGIC": f"16#{reg.MAGIC:08X}",
        "VERSION": str(reg.MAP_VERSION),
        "UNIT": str(reg.UNIT_ID),
        "SLOTS": str(reg.RING_SLOTS),
        "LAST": str(reg.REGISTERS_TOTAL - 1),
        "STATION": str(reg.STATION_HEADER.address),
        "READ_MAX": str(reg.MODBUS_READ_MAX),
        "WRITE_MAX": str(reg.MODBUS_WRITE_MAX),
        "VERDICTS": str(reg.VERDICT_RING.slot.address),
        "VERDICT_WORDS": str(reg.VERDICT_RING.slot_words),
    }
    parts = (
        TITLE,
        NOTE,
        INTRODUCTION,
        "## Registers the PLC writes",
        *blocks,
        "## Registers the station writes",
        *station,
        "## Numbers",
        _numbers(),
        RULES,
        "### When things go wrong\n\n"
        + _table(("what happens", "what the PLC does", "what the station sees"), CASES),
        PROGRAM,
        SIMATIC,
    )
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    for name, value in figures.items():
        text = text.replace(f"<{name}>", value)
    return text
