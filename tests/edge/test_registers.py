"""The register map: no overlaps, records that survive the way there and back, the printed document."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime import cli
from edge_runtime.plc import map_doc
from edge_runtime.plc import registers as reg
from edge_runtime.plc.map_rules import (
    CAUSE_TEXTS,
    KEY_TEXTS,
    SIDE_TEXTS,
    STATE_TEXTS,
    STATUS_TEXTS,
    STOP_TEXTS,
)
from edge_runtime.plc.records import (
    OutcomeRecord,
    TriggerRecord,
    VerdictRecord,
    celsius_of,
    pack,
    pack_slot,
    temperature_word,
    unpack,
    unpack_slot,
)

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
INDEX = st.integers(0, 1 << 20)
TRIGGERS = st.builds(TriggerRecord, U32, U16, U32, U16, U16)
VERDICTS = st.builds(VerdictRecord, U32, U16, U32, U16, U16, U16)
OUTCOMES = st.builds(OutcomeRecord, U32, U16, U32, U16, U16, U16, U16, U16, U16, U16, U16)


def _spans() -> list[tuple[int, int, str, str]]:
    """(first, behind the last, name, writer) of everything in the map, in order."""
    spans = [(b.address, b.address + b.words, b.name, b.writer) for b in reg.BLOCKS]
    spans += [
        (r.slot.address, r.slot.address + r.slots * r.slot_words, r.slot.name, r.slot.writer)
        for r in reg.RINGS
    ]
    return sorted(spans)


def test_nothing_overlaps() -> None:
    for (_, end, name, _), (start, _, next_name, _) in pairwise(_spans()):
        assert end <= start, f"{name} reaches into {next_name}"
    assert _spans()[-1][1] == reg.REGISTERS_TOTAL


def test_each_half_has_one_writer() -> None:
    for start, end, name, writer in _spans():
        assert (writer == "PLC") == (end <= 4000), name
        assert (writer == "station") == (start >= 4000), name


@pytest.mark.parametrize("block", [*reg.BLOCKS, *(ring.slot for ring in reg.RINGS)], ids=lambda b: b.name)
def test_fields_do_not_overlap_and_names_are_unique(block: reg.Block) -> None:
    fields = sorted(block.fields, key=lambda field: field.offset)
    for field, following in pairwise(fields):
        assert field.offset + field.words <= following.offset, (field.name, following.name)
    assert len({field.name for field in fields}) == len(fields)
    assert all(field.words in (1, 2) for field in fields)


@pytest.mark.parametrize("ring", reg.RINGS, ids=lambda ring: ring.slot.name)
def test_a_ring_can_be_polled_and_wraps_with_its_counters(ring: reg.Ring) -> None:
    assert ring.slots >= 64
    assert 65536 % ring.slots == 0, "heads and tails wrap at 2^16: the slot must not jump there"
    assert ring.slot_address(65536) == ring.slot_address(0)
    assert ring.slot.fields[-1].name == "slot_seq"
    assert ring.slot.fields[-1].offset == ring.slot_words - 1, "the sequence is written last"
    assert ring.slot_words <= reg.MODBUS_WRITE_MAX


def test_a_header_is_one_request() -> None:
    assert reg.PLC_HEADER.words <= reg.MODBUS_READ_MAX
    assert reg.PLC_GEOMETRY.words <= reg.MODBUS_READ_MAX
    assert reg.STATION_HEADER.words <= reg.MODBUS_WRITE_MAX
    last = max(reg.STATION_HEADER.fields, key=lambda field: field.offset)
    assert last.name == "session_nonce", "the nonce is written last: all else is in place before it"
    assert max(reg.SERVICE.fields, key=lambda field: field.offset).name == "service_seq"


@given(index=INDEX, record=TRIGGERS)
def test_triggers_survive(index: int, record: TriggerRecord) -> None:
    values = unpack_slot(reg.TRIGGER_RING, index, pack_slot(reg.TRIGGER_RING, index, record))
    assert values is not None
    assert TriggerRecord(**values) == record


@given(index=INDEX, record=VERDICTS)
def test_verdicts_survive(index: int, record: VerdictRecord) -> None:
    values = unpack_slot(reg.VERDICT_RING, index, pack_slot(reg.VERDICT_RING, index, record))
    assert values is not None
    assert VerdictRecord(**values) == record


@given(index=INDEX, record=OUTCOMES)
def test_outcomes_survive(index: int, record: OutcomeRecord) -> None:
    values = unpack_slot(reg.OUTCOME_RING, index, pack_slot(reg.OUTCOME_RING, index, record))
    assert values is not None
    assert OutcomeRecord(**values) == record


@given(index=INDEX, other=INDEX, record=VERDICTS)
def test_a_slot_of_another_turn_is_not_taken(index: int, other: int, record: VerdictRecord) -> None:
    words = pack_slot(reg.VERDICT_RING, index, record)
    assert (unpack_slot(reg.VERDICT_RING, other, words) is not None) == ((index - other) % 65536 == 0)


@given(st.data())
def test_headers_survive(data: st.DataObject) -> None:
    for block in (reg.PLC_HEADER, reg.STATION_HEADER, reg.SERVICE):
        values = {f.name: data.draw(U32 if f.words == 2 else U16) for f in block.fields}
        assert unpack(block, pack(block, values)) == values


DOES_NOT_FIT = [
    # value for verdict.reason (u16) or verdict.epoch (u32)
    ("reason", 1 << 16),
    ("reason", -1),
    ("epoch", 1 << 32),
    ("epoch", -1),
]


@pytest.mark.parametrize(("name", "value"), DOES_NOT_FIT)
def test_what_does_not_fit_is_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        pack(reg.VERDICT_RING.slot, {name: value})


def test_unknown_names_and_short_reads_are_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        pack(reg.STATION_HEADER, {"colour": 1})
    with pytest.raises(ValueError, match="got 3"):
        unpack(reg.STATION_HEADER, [0, 0, 0])


TEMPERATURES = [
    # degC, register
    (20.0, 200),
    (0.0, 0),  # freezing is a temperature, not "none"
    (160.04, 1600),
    (-0.1, 0xFFFF),
    (-3276.7, 0x8001),  # the coldest that is a reading
    (3276.7, 0x7FFF),
    (None, 0x8000),
]


@pytest.mark.parametrize(("celsius", "word"), TEMPERATURES)
def test_a_temperature_fits_one_register(celsius: float | None, word: int) -> None:
    assert temperature_word(celsius) == word
    assert celsius_of(word) == (None if celsius is None else pytest.approx(celsius, abs=0.05))


@pytest.mark.parametrize("celsius", [3276.8, -3276.8, float("nan"), float("inf")])
def test_a_temperature_that_does_not_fit_is_refused(celsius: float) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        temperature_word(celsius)


def test_the_document_is_the_map(repository: Path) -> None:
    written = (repository / "docs" / "plc_registers.md").read_text(encoding="utf-8")
    assert written == map_doc.render(), "run: ferrogate plc-map > docs/plc_registers.md"


def test_the_document_names_every_register_and_number() -> None:
    text = map_doc.render()
    for block in reg.BLOCKS:
        for field in block.fields:
            assert f"| {block.at(field.name)} | `{field.name}` |" in text
    for ring in reg.RINGS:
        assert f"`{ring.slot.address} + (i mod {ring.slots}) * {ring.slot_words}`" in text
    for names, texts in (
        (reg.Cause, CAUSE_TEXTS),
        (reg.StopCause, STOP_TEXTS),
        (reg.StationState, STATE_TEXTS),
        (reg.PlcStatus, STATUS_TEXTS),
        (reg.KeySwitch, KEY_TEXTS),
        (reg.Side, SIDE_TEXTS),
    ):
        assert {member.name for member in names} == set(texts), "a text too many or too few"
    for placeholder in ("<MAGIC>", "<LAST>", "<STATION>", "<SLOTS>", "<VERDICTS>", "<READ_MAX>", "<UNIT>"):
        assert placeholder not in text


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plc-map"]) == 0
    assert capsys.readouterr().out == map_doc.render()


def test_the_command_prints_addresses_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plc-map", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["blocks"]["plc_header"]["fields"]["epoch"] == {"offset": 4, "words": 2}
    assert found["rings"]["verdict"]["slots"] == reg.RING_SLOTS
