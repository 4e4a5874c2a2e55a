"""The auditor and the key: what passes by key is named so, and nothing else gets through with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.auditor_report import Kind, Severity
from edge_runtime.twin.field import Word
from edge_runtime.twin.settings import LineSettings
from tests.twin.clocked_loop import TRIAL, PlantAct, clocked_settings, run_clocked
from tests.twin.drawn_bank import make_drawn_bank
from tests.twin.tampering import Record, no_verdict_at_all, stray_ball_and_no_stop

pytestmark = pytest.mark.long

#: seconds at which the key is turned, in a run whose balls reach the gate from 2.6 s on
TURNED, BACK = 4.0, 6.0
BYPASS: list[PlantAct] = [
    (TURNED, Word.KEY_SWITCH, KeySwitch.BYPASS),
    (BACK, Word.KEY_SWITCH, KeySwitch.AUTO),
]
#: a turn is a new epoch, and what the station had said for balls in flight is refused
AT_A_TURN = {Kind.STALE_EPOCH_VERDICTS.value}


@pytest.fixture(scope="module")
def bank_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drawn_bank(tmp_path_factory.mktemp("bank"))


def _run(
    folder: Path, bank_dir: Path, acts: Sequence[PlantAct], **changes: object
) -> tuple[LineSettings, Record]:
    settings = clocked_settings(folder, bank_dir, **({"n_balls": 70} | changes))
    run_clocked(settings, acts=acts)
    logs = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (settings.truth_path, settings.plc_log_path)
    ]
    return settings, Record(*logs)


@pytest.fixture(scope="module")
def bypassed(bank_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LineSettings, Record]:
    """A run in which somebody turned the key to bypass for two seconds, and nothing went wrong."""
    return _run(tmp_path_factory.mktemp("bypassed"), bank_dir, BYPASS)


@pytest.fixture(scope="module")
def keyless(bank_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LineSettings, Record]:
    """The same run, and nobody touched the key."""
    return _run(tmp_path_factory.mktemp("keyless"), bank_dir, [])


def test_what_passes_by_key_is_bypassed_and_never_unproven(
    bypassed: tuple[LineSettings, Record], tmp_path: Path
) -> None:
    settings, record = bypassed
    report = record.audit(tmp_path, settings)
    totals = report.totals
    assert report.invariant_kept, report.text()
    assert set(report.kinds) == {Kind.BYPASSED.value, *AT_A_TURN}, report.text()
    assert 15 <= totals.bypassed <= 25, "two seconds at ten balls a second"
    assert totals.balls == totals.accepted + totals.bypassed + totals.rejected == 70
    assert (totals.unproven_accepts, totals.escapes) == (0, 0)
    rows = [row for row in report.balls if row.bypassed]
    assert any(row.defective for row in rows), "defective balls passed, and are no escapes of the line"
    assert not any(row.proven or row.violations for row in rows)
    assert {row.side for row in rows} == {"BYPASS"}
    plc = [row for row in record.plc if row["event"] == "outcome" and row["side"] == "BYPASS"]
    assert len(plc) == totals.bypassed


def _claims_bypass(record: Record) -> None:
    record.of("outcome", record.seq).update(side="BYPASS", cause="BYPASS")


def _claims_bypass_of_a_bad_ball(record: Record) -> None:
    """A ball that nothing proved fell into the accept chute, and the PLC says: the key."""
    no_verdict_at_all(record)
    record.of("decision", record.seq).update(side="BYPASS", cause="BYPASS")
    record.of("outcome", record.seq).update(side="BYPASS", cause="BYPASS", confirm="ACCEPT_EYE")
    record.final(record.ball)["place"] = "accept"


def _claims_service(record: Record) -> None:
    record.of("decision", record.seq).update(side="REJECT", cause="SERVICE")
    record.of("outcome", record.seq).update(side="BYPASS", cause="SERVICE")


def _claims_a_trial(record: Record) -> None:
    row = record.of("outcome", record.seq)
    record.before(row, row | {"event": "mismatch", "confirm": "NONE", "run": 0, "trial": True})


def _key_long_before(record: Record) -> None:
    """The key was on bypass, and back for long, when the ball passed."""
    _claims_bypass_of_a_bad_ball(record)
    start = record.truth[0]
    for age_s, key in ((3.0, 1), (1.0, 0)):
        t_ns = record.final(record.ball)["placed_ns"] - round(age_s * 1e9)
        count = record.final(record.ball)["placed_encoder"] - round(age_s * 9600)
        record.truth.insert(1, start | {"event": "key", "t_ns": t_ns, "encoder": count, "key": key})
    record.truth[1:3] = sorted(record.truth[1:3], key=lambda row: int(row["t_ns"]))


def _key_only_afterwards(record: Record) -> None:
    _claims_bypass_of_a_bad_ball(record)
    final = record.final(record.ball)
    turn = {"t_ns": final["placed_ns"] + 10**9, "encoder": final["placed_encoder"] + 9600, "key": 1}
    record.truth.append(record.truth[0] | {"event": "key"} | turn)


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        # a good ball with a whole proof: the PLC's word for the key is a lie all the same
        (_claims_bypass, Kind.BYPASS_WITHOUT_KEY),
        (_claims_bypass_of_a_bad_ball, Kind.BYPASS_WITHOUT_KEY),
        # ... and its missing proof is named as ever
        (_claims_bypass_of_a_bad_ball, Kind.ACCEPT_ON_REJECT),
        (_claims_service, Kind.BYPASS_WITHOUT_KEY),
        (_claims_a_trial, Kind.BELT_NOT_STOPPED),
        # the key was turned, at another time
        (_key_long_before, Kind.BYPASS_WITHOUT_KEY),
        (_key_only_afterwards, Kind.BYPASS_WITHOUT_KEY),
        # and without any key a ball that nobody expected stops the belt
        (stray_ball_and_no_stop, Kind.BELT_NOT_STOPPED),
    ],
)
def test_no_key_no_bypass(
    keyless: tuple[LineSettings, Record], tmp_path: Path, tamper: Callable[[Record], None], kind: Kind
) -> None:
    settings, record = keyless
    record = record.copy()
    tamper(record)
    report = record.audit(tmp_path, settings)
    assert not report.invariant_kept, report.text()
    assert {finding.severity for finding in report.of(kind)} == {Severity.VIOLATION}, report.text()
    assert report.totals.bypassed == 0


def _of_the_bypassed(record: Record) -> dict[str, object]:
    outcomes = [row for row in record.plc if row["event"] == "outcome" and row["side"] == "BYPASS"]
    return outcomes[len(outcomes) // 2]


def _counted_as_accepted(record: Record) -> None:
    _of_the_bypassed(record).update(side="ACCEPT", cause="PROVEN")


def _stray_long_after(record: Record) -> None:
    """A ball without a part in the accept chute, when the key had been back for long."""
    last = [row for row in record.plc if row["event"] == "outcome"][-1]
    stray = {"event": "confirm", "eye": "ACCEPT_EYE", "stray": True, "edge_position": last["position"]}
    record.plc.append(last | stray)


@pytest.mark.parametrize(
    ("tamper", "kinds"),
    [
        # never counted as accepted: and its proof is asked for
        (_counted_as_accepted, {Kind.ACCEPTED_UNDER_KEY, Kind.ACCEPT_ON_REJECT}),
        (_stray_long_after, {Kind.BELT_NOT_STOPPED}),
    ],
)
def test_a_key_that_was_turned_loosens_nothing_else(
    bypassed: tuple[LineSettings, Record], tmp_path: Path, tamper: Callable[[Record], None], kinds: set[Kind]
) -> None:
    settings, record = bypassed
    record = record.copy()
    tamper(record)
    report = record.audit(tmp_path, settings)
    assert {finding.kind for finding in report.violations} == kinds, report.text()


def test_an_unproven_ball_beside_the_bypass_is_still_named(
    bypassed: tuple[LineSettings, Record], tmp_path: Path
) -> None:
    settings, record = bypassed
    record = record.copy()
    before = next(row for row in record.plc if row["event"] == "outcome" and row["side"] == "ACCEPT")
    record.without("verdict", int(before["trigger_seq"]))
    report = record.audit(tmp_path, settings)
    assert {finding.kind for finding in report.violations} == {Kind.ACCEPT_WITHOUT_VERDICT}


@pytest.mark.long
def test_an_untriggered_ball_by_key_does_not_have_to_stop_the_belt(bank_dir: Path, tmp_path: Path) -> None:
    faults = ({"name": "missing_trigger", "ball": 40},)
    settings, record = _run(tmp_path / "run", bank_dir, BYPASS, faults=faults, defect_share=0.0)
    strays = [row for row in record.plc if row["event"] == "confirm" and row["stray"]]
    assert [row["eye"] for row in strays] == ["ACCEPT_EYE"], "the ball passed in bypass: set another ball"
    report = record.audit(tmp_path / "audit", settings)
    assert report.invariant_kept, report.text()
    assert set(report.kinds) == {Kind.BYPASSED.value, Kind.BALL_UNTRIGGERED.value, *AT_A_TURN}


@pytest.mark.long
def test_no_air_in_bypass_is_reject(bank_dir: Path, tmp_path: Path) -> None:
    acts = [*BYPASS, (4.8, Word.BUTTON_AIR_LOW, 1), (5.3, Word.BUTTON_AIR_LOW, 0)]
    settings, record = _run(tmp_path / "run", bank_dir, acts)
    report = record.audit(tmp_path / "audit", settings)
    assert report.invariant_kept, report.text()
    assert set(report.kinds) == {Kind.BYPASSED.value, *AT_A_TURN}, report.text()
    causes = [row["cause"] for row in record.plc if row["event"] == "outcome"]
    assert 3 <= causes.count("NOT_READY") <= 8


@pytest.mark.long
@pytest.mark.parametrize(
    ("opens", "to_accept"),
    [
        # nobody writes a service block: all balls are rejected
        (None, False),
        # in time for the flap
        (4200, True),
        # when the ball is at the gate already
        (4790, False),
    ],
)
def test_trials_of_the_gate(bank_dir: Path, tmp_path: Path, opens: int | None, to_accept: bool) -> None:
    acts: list[PlantAct] = [
        (TURNED, Word.KEY_SWITCH, KeySwitch.SERVICE),
        (BACK + 1.0, Word.KEY_SWITCH, KeySwitch.AUTO),
    ]
    if opens is not None:
        acts.append((TURNED + 0.1, TRIAL, opens))
    # Far apart, so that one trial opens the gate for one ball.
    settings, record = _run(tmp_path / "run", bank_dir, acts, n_balls=25, balls_per_s=3.0, pitch_d=10.0)
    report = record.audit(tmp_path / "audit", settings)
    assert report.invariant_kept, report.text()
    assert set(report.kinds) <= {Kind.BYPASSED.value, *AT_A_TURN}, report.text()
    ends = [(row["side"], row["cause"]) for row in record.plc if row["event"] == "outcome"]
    assert ends.count(("BYPASS" if to_accept else "REJECT", "SERVICE")) >= 4, ends
    assert ("REJECT" if to_accept else "BYPASS", "SERVICE") not in ends[:-1]
    assert not any(row["event"] == "latch" for row in record.plc)
