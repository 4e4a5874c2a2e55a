"""What the ledger must say after a day was driven through the page. Neighbour: `test_day_in_the_browser`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import sqlalchemy as sa

from edge_runtime.ledger.books import balance
from edge_runtime.ledger.day_queries import list_acts, list_challenges, list_lots, list_shifts
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import ledger_url, open_to_read, reading
from tests.edge.page.day_driver import PERSON, Person

SHIFT = "Ауысым Ә, 2-бригада"
#: dangerous wherever it is taken for HTML, and for a path
LOT_1 = '<b onclick="x">Ұлы</b> Қ-7/1 <img src=x onerror="document.title=\'owned\'">'
LOT_2 = "Партия № 8 «Ғ»"
#: what the station file names when nobody has opened anything
NO_SHIFT = NO_LOT = "demo"


def ledger_tells(storage: Path, run_dir: Path, person: Person, counts: dict[str, int]) -> None:
    """The books are right and say what was driven, and by whom; `counts`: what the page told of the shift."""
    engine = open_to_read(ledger_url(storage))
    try:
        with reading(engine) as connection:
            books = balance(connection)
            assert books.balanced, books.text()
            assert books.settled, books.text()
            acts = list_acts(connection)
            challenges = list_challenges(connection)
            shifts, lots = list_shifts(connection), list_lots(connection)
            parts = connection.execute(
                sa.select(PartRow.shift, PartRow.lot, PartRow.challenge, PartRow.contained_by).order_by(
                    PartRow.id
                )
            ).all()
    finally:
        engine.dispose()
    asked = [act for act in acts if act.role != "station"]
    assert [act.act for act in sorted(asked, key=lambda act: act.revision)] == person.asked
    assert {(act.by, act.role) for act in asked} == {(PERSON, "foreman")}
    in_order = sorted(challenges, key=lambda it: it.begun_utc_ns)
    assert [it.result for it in in_order] == person.results
    assert {it.by for it in challenges} == {PERSON}
    assert [(it.name, it.opened_by, it.closed_by) for it in shifts] == [(SHIFT, PERSON, PERSON)]
    opened = [it for it in lots if it.opened_by is not None]
    assert [(it.name, it.opened_by, it.closed_by) for it in reversed(opened)] == [
        (LOT_1, PERSON, PERSON),
        (LOT_2, PERSON, PERSON),
    ]
    groups = [key for key, _ in groupby((part.shift, part.lot) for part in parts)]
    driven = iter(
        [
            (NO_SHIFT, NO_LOT),
            (SHIFT, NO_LOT),
            (SHIFT, LOT_1),
            (SHIFT, NO_LOT),
            (SHIFT, LOT_2),
            (SHIFT, NO_LOT),
            (NO_SHIFT, NO_LOT),
        ]
    )
    # One lot and one shift each, in the order of the day; between two acts there may have been no ball.
    assert all(key in driven for key in groups), groups
    assert {(NO_SHIFT, NO_LOT), (SHIFT, LOT_1), (SHIFT, LOT_2)} <= set(groups)
    assert len([part for part in parts if part.challenge]) == counts["challenge"] == len(person.results)
    assert counts["parts"] == len([part for part in parts if part.shift == SHIFT])
    in_doubt = [part for part in parts if part.contained_by]
    assert len(in_doubt) == counts["contained"] > 0
    assert {part.contained_by for part in in_doubt} == {
        it.challenge for it in challenges if it.result == "missed"
    }
    truth = (run_dir / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    pulses = [row["eye_pulses"] for row in map(json.loads, truth) if row["event"] == "ball"]
    assert len(parts) == sum(pulses), "a ball that nobody can account for"
