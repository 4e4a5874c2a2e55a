"""Journal entries: there and back, and the form in which an older version left them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from edge_runtime.entries import Entry, PartEntry, SessionEntry, from_json, to_json
from tests.edge.ledger_samples import counters, epoch, fault, outcome, part, session

EVERY: list[Entry] = [
    session(),
    epoch(),
    part(1, decision="reject", views_lost=1),
    outcome(1),
    counters(1, 0),
    fault(),
]


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.KIND)
def test_an_entry_survives(entry: Entry) -> None:
    assert from_json(to_json(entry)) == entry


#: what the first version did not write
LATER_PART = {
    "u_diameter_mean_mm", "roundness_mm", "u_roundness_mm", "speck_mm", "coverage_surface_share",
    "coverage_p_flat", "coverage_p_neck", "coverage_p_crack", "temperature_celsius",
    "u_temperature_celsius", "calibration_sha256",
}  # fmt: skip
LATER_VIEW = {"roundness_mm", "outline_share", "u_diameter_mm"}
LATER_SESSION = {"calibration_sha256", "calibrations"}


def _without(data: dict[str, Any], names: set[str]) -> dict[str, Any]:
    assert names <= set(data), "a field was renamed: old journals would lose it"
    return {name: value for name, value in data.items() if name not in names}


def test_a_part_of_the_first_version_is_read() -> None:
    new = part(1, decision="reject", views_lost=1)
    old = _without(json.loads(to_json(new)), LATER_PART)
    old["views"] = [_without(view, LATER_VIEW) for view in old["views"]]
    read = from_json(json.dumps(old).encode())
    assert isinstance(read, PartEntry)
    not_there: dict[str, Any] = dict.fromkeys(LATER_VIEW)
    views = tuple(dataclasses.replace(view, **not_there) for view in new.views)
    not_there = dict.fromkeys(LATER_PART)
    assert read == dataclasses.replace(new, views=views, **not_there)


def test_a_session_of_the_first_version_is_read() -> None:
    old = _without(json.loads(to_json(session())), LATER_SESSION)
    read = from_json(json.dumps(old).encode())
    assert read == dataclasses.replace(session(), calibration_sha256="", calibrations={})
    assert isinstance(read, SessionEntry)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",  # no object
        b'{"kind": "weather"}',  # a kind of a later version
        to_json(epoch())[:-1] + b',"colour":1}',  # a field of a later version
        b'{"kind": "epoch", "epoch": 1}',  # fields that are needed
        b'{"kind": "part", "reasons": [{"colour": 1}], "views": []}',  # a reason of a later version
        b'{"kind": "part", "reasons": [], "views": [{"findings": [{"label": "crack"}]}]}',  # half a finding
        b'{"kind": "part"}',  # neither reasons nor views
    ],
)
def test_what_cannot_be_understood_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="journal entry"):
        from_json(line)
