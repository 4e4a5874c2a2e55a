"""Lots with balls that passed by key, with challenge balls, and with balls that came in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from edge_runtime.entries import Entry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.day_queries import of_lot, of_shift
from edge_runtime.ledger.store import ledger_url, open_ledger, reading
from edge_runtime.lots.certificate import Certificate, CertificateDetails, draw_up, issue, read_certificate
from edge_runtime.lots.data import LotCounts, has_balls, list_lots, read_balls, read_lot
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.statistics import lot_figures
from edge_runtime.lots.tables import acceptance_tables
from tests.edge.ledger.day_samples import Day, apply_all, bypassed, challenge, through
from tests.edge.ledger_samples import outcome, part, placed
from tests.edge.lot_samples import LOT, balls, make_ledger, recipe, session
from vision.errors import ConfigError, LedgerError

VERIFIED = recipe(verified=True)


def test_counts_keep_apart_what_is_no_production(engine: sa.Engine) -> None:
    entries: list[Entry] = [
        Day().open_shift("early"),
        *through(1, 2),
        *through(3, decision="reject"),
        part(4),
        outcome(4, confirm="reject_eye"),  # wrong chute
        part(5, decision="reject"),
        outcome(5, verdict="reject", confirm="accept_eye"),  # and the dangerous way round
        *bypassed(6),
        *bypassed(7, decision="reject"),
        part(8),
        *through(9, decision="reject", challenge="C-1", diameter_mean_mm=99.0),
        challenge("C-1", "passed"),
        *through(10),
        *through(11, challenge="C-2"),
        challenge("C-2", "missed"),
        *through(12, decision="reject", challenge="C-3", lot="challenge balls only"),
    ]
    apply_all(engine, entries)
    with reading(engine) as connection:
        lot = read_lot(connection, "lot 7")
        of_its_shift = read_balls(connection, of_shift(1))
        assert read_balls(connection, of_lot("challenge balls only")) is None
        assert not has_balls(connection, "challenge balls only")
        with pytest.raises(LedgerError, match="no ball of lot"):
            read_lot(connection, "challenge balls only")
        assert [(item.lot, item.balls, item.accepted) for item in list_lots(connection)] == [("lot 7", 9, 4)]
    expected = LotCounts(9, 4, 2, 2, 1, challenge=2, contained=1, unproven=0, wrong_chute=2)
    assert lot.counts == expected
    counts = lot.counts
    assert counts.balls == counts.accepted + counts.rejected + counts.bypassed + counts.open
    assert lot.reasons == {"crack": 2, "": 1}  # one is in flight; what passed by key was not rejected
    assert (len(lot.parts_accepted), int(lot.parts_accepted.sum())) == (6, 4)
    assert (len(lot.diameters), int(lot.diameters.accepted.sum())) == (9, 4)
    assert lot.diameters.largest_mm.max() < 99.0
    assert of_its_shift is not None
    assert of_its_shift.counts.challenge == 3
    assert of_its_shift.lots == ("lot 7",)


def _draft(engine: sa.Engine) -> Certificate:
    with reading(engine) as connection:
        data = read_lot(connection, LOT)
    lab = LabData([], [], acceptance_tables())
    details = CertificateDetails(maker="Plant")
    figures = lot_figures(data, VERIFIED)
    return draw_up(data, figures, VERIFIED, lab, details, by_name="A. Person", recipe_is_ledgers=True)


def _open(folder: Path, entries: list[Entry]) -> sa.Engine:
    return open_ledger(ledger_url(make_ledger(folder, [session(VERIFIED), *balls(VERIFIED), *entries])))


@pytest.mark.parametrize(
    ("entries", "doubts"),
    [
        ([], []),
        ([*through(70, lot=LOT, challenge="C-1"), challenge("C-1", "missed")], [("contained", "54")]),
        (bypassed(70, lot=LOT, recipe_sha256=VERIFIED.sha256()), [("bypassed", "1")]),
    ],
)
def test_doubts_of_the_day_keep_a_certificate_from_being_signed(
    tmp_path: Path, entries: list[Entry], doubts: list[tuple[str, str]]
) -> None:
    engine = _open(tmp_path, entries)
    draft = _draft(engine)
    assert [(doubt.code, doubt.detail) for doubt in draft.doubts] == doubts
    if doubts:
        with pytest.raises(ConfigError, match="doubts"):
            issue(engine, draft, "ru", supersedes=None, write=lambda _: None)
    engine.dispose()


def test_a_miss_between_drawing_up_and_issuing_and_after_it(tmp_path: Path) -> None:
    """The draft was without doubts; the balls came in doubt later."""
    engine = _open(tmp_path, [])
    draft = _draft(engine)
    written: list[int | None] = []

    def write(paper: Certificate) -> None:
        written.append(paper.number)

    assert issue(engine, draft, "ru", supersedes=None, write=write).number == 1
    with reading(engine) as connection:
        assert read_certificate(connection, 1).lot == LOT
    applier = Applier(engine)
    missed = [*through(70, challenge="C-1"), challenge("C-1", "missed")]
    applier.apply(placed(missed, after=applier.position.offset))
    with pytest.raises(
        ConfigError, match="54 accepted balls of lot 'lot 7' are in doubt: challenge C-1"
    ) as caught:
        issue(engine, draft, "ru", supersedes=1, write=write)
    assert "hold the lot back" in caught.value.todo
    with reading(engine) as connection, pytest.raises(ConfigError, match="in doubt"):
        read_certificate(connection, 1)  # nobody gets it printed once more
    assert written == [1]
    engine.dispose()
