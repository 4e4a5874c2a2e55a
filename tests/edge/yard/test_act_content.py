"""What an act may say, what it must say to be signed, and that its hash tells a change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edge_runtime.yard.act_content import ActCertificate, ActContent, ActDecision
from tests.edge.yard.act_samples import INSPECTOR, NOON_NS, act, finding, photos, rail


def test_snapshot_comes_back_from_json_with_the_same_hash() -> None:
    content = act(photos=(photos(),))
    again = ActContent.model_validate_json(content.model_dump_json())
    assert again == content
    assert again.sha256() == content.sha256()
    assert act(gross_kg=84_351.0).sha256() != content.sha256()


def test_masses_follow_from_what_was_typed() -> None:
    content = act()
    assert content.net_kg == pytest.approx(61_550.0)
    assert content.accepted_kg == pytest.approx(60_626.75)
    assert act(signed=False, tare_kg=None).net_kg is None
    assert act(signed=False, contamination_percent=None).accepted_kg is None


def test_empty_draft_names_all_that_is_missing() -> None:
    assert ActContent(made_utc_ns=NOON_NS).missing() == (
        "supplier",
        "deliverer",
        "contract",
        "vehicle",
        "scrap_class",
        "gross_kg",
        "tare_kg",
        "contamination_percent",
        "radiation",
        "explosion",
        "rails",
    )
    assert act().missing() == ()


@pytest.mark.parametrize(
    "field",
    [
        "supplier",
        "deliverer",
        "contract",
        "vehicle",
        "scrap_class",
        "gross_kg",
        "tare_kg",
        "contamination_percent",
        "radiation",
        "explosion",
        "act_date",
    ],
)
def test_signed_act_without_a_required_field_cannot_be(field: str) -> None:
    empty: Any = "  " if isinstance(getattr(act(), field), str) else None
    with pytest.raises(ValidationError, match=field):
        act(**{field: empty})


def test_rail_that_nobody_decided_on_keeps_an_act_from_being_signed() -> None:
    rails = (rail(), rail("R-2", decided=None))
    assert act(signed=False, rails=rails).missing() == ("decision:R-2",)
    with pytest.raises(ValidationError, match="decision:R-2"):
        act(rails=rails)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tare_kg": 84_350.0}, "not below the gross"),
        ({"rails": (rail("A"), rail("A"))}, "names a rail twice: A"),
        ({"number": None}, "only then"),
        ({"supersedes": 3}, "number and year"),
        ({"supersedes": 12, "supersedes_year": 2026, "supersedes_reason": "x"}, "12/2026 is not later"),
        ({"supersedes": 3, "supersedes_year": 2027, "supersedes_reason": "x"}, "not later than 3/2027"),
        ({"supersedes": 3, "supersedes_year": 2026}, "supersedes_reason"),
        ({"contamination_percent": 100.5}, "less than or equal to 100"),
        ({"gross_kg": float("nan")}, "finite"),
        ({"radiation": {"number": ""}}, "at least 1 character"),
        ({"inferred_radiation": "clear"}, "Extra inputs"),
    ],
)
def test_acts_that_cannot_be(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        act(**more)


def test_later_year_may_supersede_a_higher_number() -> None:
    content = act(supersedes=90, supersedes_year=2025, supersedes_reason="wrong tare")
    assert (content.shown_number, content.shown_supersedes) == ("12/2026", "90/2025")


def test_override_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="needs a reason"):
        ActDecision(kind="overridden", grade="feed", by=INSPECTOR, reason=" ")
    assert rail(decided="rejected", why="a bomb").final_grade == "rejected"


def test_dismissed_findings_do_not_stand_and_are_kept() -> None:
    one = rail(findings=(finding("f1", "spall", 1.0, state="dismissed"), finding("f2", "weld", 2.0)))
    assert [found.id for found in one.standing] == ["f2"]
    assert len(one.findings) == 2


def test_certificate_number_is_typed_text() -> None:
    assert ActCertificate(number="0456").number == "0456"
