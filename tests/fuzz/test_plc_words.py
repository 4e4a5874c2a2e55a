"""Any numbers from the PLC's registers into the station's core: no fault, and no accept without a proof.

The ball that these tests put on the belt is never seen by a camera, so whatever the PLC says of triggers,
epochs and outcomes, none may be accepted. Neighbour: `test_modbus` has the wire.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.entries import from_json, to_json
from edge_runtime.plc.events import EpochAgreed, OutcomesRead
from edge_runtime.plc.records import OutcomeRecord, TriggerRecord, celsius_of, unpack, unpack_slot
from edge_runtime.plc.registers import OUTCOME_RING, PLC_HEADER, TRIGGER_RING
from tests.edge.core_rig import Rig
from tests.fuzz.strategies import fuzzed
from vision.types import Decision

WORDS = st.one_of(st.integers(0, 3), st.integers(0, 0xFFFF), st.sampled_from([0x7FFF, 0x8000, 0xFFFF]))


def of_words(words: int) -> st.SearchStrategy[list[int]]:
    return st.lists(WORDS, min_size=words, max_size=words)


@st.composite
def triggers(draw: st.DrawFn) -> TriggerRecord:
    slot = unpack(TRIGGER_RING.slot, draw(of_words(TRIGGER_RING.slot_words)))
    slot.pop("slot_seq")
    if draw(st.booleans()):  # one that fits, so that what comes after it counts
        slot |= {"epoch": 1, "lane": 0, "trigger_seq": draw(st.integers(0, 4))}
    return TriggerRecord(**slot)


@st.composite
def outcomes(draw: st.DrawFn) -> OutcomeRecord:
    slot = unpack(OUTCOME_RING.slot, draw(of_words(OUTCOME_RING.slot_words)))
    slot.pop("slot_seq")
    if draw(st.booleans()):
        slot |= {"epoch": 1, "lane": 0, "trigger_seq": draw(st.integers(0, 4))}
    return OutcomeRecord(**slot)


headers = of_words(PLC_HEADER.words).map(lambda words: unpack(PLC_HEADER, words))
STEPS = st.lists(
    st.one_of(
        headers.map(lambda header: ("status", header)),
        headers.map(lambda header: ("epoch", header)),
        st.lists(triggers(), min_size=1, max_size=3).map(lambda records: ("triggers", records)),
        st.lists(outcomes(), min_size=1, max_size=3).map(lambda records: ("outcomes", records)),
        st.just(("down", None)),
    ),
    max_size=10,
)


@fuzzed(40)
@given(steps=STEPS)
def test_the_core_takes_any_words_and_accepts_nothing_unseen(steps: list[tuple[str, object]]) -> None:
    rig = Rig()
    rig.agree()
    rig.core.on_status(rig.header())
    for what, given_ in steps:
        if what == "status" and isinstance(given_, dict):
            rig.core.on_status(given_)
        elif what == "epoch" and isinstance(given_, dict):
            rig.core.on_epoch(EpochAgreed(given_["epoch"], given_["plc_boot_id"], "plc", given_))
        elif what == "triggers" and isinstance(given_, list):
            rig.core.on_triggers(given_)
        elif what == "outcomes" and isinstance(given_, list):
            rig.core.on_outcomes(OutcomesRead(tuple(given_), len(given_)))
        elif what == "down":
            rig.core.on_link_down("test")
        rig.core.after_events(4096)
    assert all(verdict.verdict != Decision.ACCEPT for verdict in rig.out.verdicts)
    assert all(part.decision != "accept" for part in rig.out.parts())
    # What it wrote down of all that can be read again.
    assert [from_json(to_json(entry)) for entry in rig.out.entries] == rig.out.entries


@fuzzed(150)
@given(words=st.lists(st.integers(0, 0xFFFF), max_size=20), index=st.integers(0, 1 << 17))
def test_any_words_of_a_slot(words: list[int], index: int) -> None:
    for ring in (TRIGGER_RING, OUTCOME_RING):
        try:
            slot = unpack_slot(ring, index, words)
        except ValueError:
            assert len(words) < ring.slot_words
        else:
            assert slot is None or all(value >= 0 for value in slot.values())


@fuzzed(60)
@given(word=st.integers(0, 0xFFFF))
def test_any_word_of_a_temperature(word: int) -> None:
    celsius = celsius_of(word)
    assert celsius is None or -3276.8 <= celsius <= 3276.7
