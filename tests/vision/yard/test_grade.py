"""Grades: each rank, what nobody saw, what nobody typed; one more finding never makes a rail better."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.yard.yard_maps import CLEAR, LEAD, RECIPE, ROW_MM, facts, finding, hole, mark, rail
from vision.errors import ConfigError
from vision.rail_map.types import RailEnd, RailMap
from vision.yard.grade import GRADES, REASON_CODES, findings_of, grade_rail
from vision.yard.recipe_rules import RANKS
from vision.yard.types import RailGrade, TypedFacts, YardFinding


def graded(
    rail_map: RailMap, *findings: YardFinding, typed: TypedFacts = CLEAR, model: bool = True
) -> RailGrade:
    own = findings_of(rail_map, RECIPE) if model else ()
    return grade_rail(rail_map, (*own, *findings), typed, RECIPE)


def codes(grade: RailGrade) -> list[str]:
    return [reason.code for reason in grade.reasons]


def test_a_clean_rail_with_all_rows_is_fed() -> None:
    grade = graded(rail())
    assert (grade.grade, grade.reasons, grade.unseen_m) == ("feed", (), 0.0)
    assert grade.cut_list is not None
    assert grade.usable_length_m is not None
    assert grade.kg_per_m is not None
    assert grade.usable_mass_kg is not None
    assert grade.ball_mass_kg is not None
    # Ends cropped by 50 mm each (their kerfs lie in the crops), two kerfs between charges of at most 6 m.
    assert grade.usable_length_m == pytest.approx(12.5 - 2 * 0.050 - 2 * 0.006)
    assert grade.kg_per_m == pytest.approx(64.8 - 5.0 * 75.0 * 7.85e-3)
    assert grade.mass_kg == pytest.approx(12.5 * grade.kg_per_m)
    assert grade.usable_mass_kg == pytest.approx(grade.usable_length_m * grade.kg_per_m)
    assert grade.ball_mass_kg == pytest.approx(grade.usable_mass_kg * 0.893)
    assert grade.value == pytest.approx(grade.ball_mass_kg / 1000.0 * 400_000)
    assert (grade.currency, grade.recipe_sha256) == ("KZT", RECIPE.sha256())
    assert "furnace" in grade.unverified
    assert RailGrade.model_validate_json(grade.model_dump_json()) == grade


#: (kind of finding a person added, its rank, grade): one for every rank, gravest first.
RANKED = [
    ("closed_vessel", "safety", "rejected"),
    ("wrong_steel", "wrong_steel", "rejected"),
    ("weld", "weld", "feed_with_cuts"),
    ("head_split", "crack", "rejected"),
    ("head_crack_fatigue", "crack", "feed_with_cuts"),
    ("attachment", "attachment", "human"),
    ("wheel_burn", "surface", "feed"),
    ("foot_corrosion", "corrosion", "downgraded"),
    ("side_wear", "wear", "feed"),
]


@pytest.mark.parametrize(("kind", "rank", "word"), RANKED)
def test_each_rank(kind: str, rank: str, word: str) -> None:
    row = RECIPE.row_of(kind)
    typed = facts(rows={} if row is None else {row: "found"})
    grade = graded(rail(), finding(kind), typed=typed)
    assert RECIPE.kinds[kind].rank == rank
    assert grade.grade == word
    named = [reason for reason in grade.reasons if reason.code == "finding"]
    assert [reason.values["rank"] for reason in named] == ([] if word == "feed" else [rank])


def test_every_rank_is_tried() -> None:
    assert {rank for _, rank, _ in RANKED} == set(RANKS)


def test_reasons_come_gravest_first_then_by_rank() -> None:
    grade = graded(
        rail(),
        finding("foot_corrosion", 2.0, id="a1"),
        finding("head_crack_fatigue", 3.0, id="a2"),
        finding("weld", 4.0, id="a3"),
        finding("head_split", 5.0, id="a4"),
        typed=facts(rows={"weld": "found", "head_crack": "found", "corrosion": "found"}),
    )
    told = [(reason.finding, reason.action) for reason in grade.reasons]
    assert told == [("a4", "reject"), ("a3", "cut"), ("a2", "cut"), ("a1", "downgrade")]


#: (what, changes of the typed facts, code of the reason): each keeps a clean rail from being clear.
OPEN_FACTS: list[tuple[dict[str, Any], str]] = [
    ({"rows": {"closed_vessel": "not_checked"}}, "row_not_filled"),
    ({"rows": {"radiation": "not_checked"}}, "row_not_filled"),
    ({"rows": {"wrong_steel": "not_checked"}}, "row_not_filled"),
    ({"rows": {"weld": "not_checked"}}, "row_not_filled"),
    ({"rows": {"weld": "found"}}, "row_found_unplaced"),
    ({"rows": {"attachment": "found"}}, "row_found"),
    ({"rows": {"a_row_of_an_older_recipe": "clear"}}, "row_unknown"),
    ({"section": None}, "section_missing"),
    ({"wear_mm": 21.0}, "wear"),
    ({"length_m": 12.0}, "length_contradicts"),
    ({"length_m": 13.0}, "length_contradicts"),
]


@pytest.mark.parametrize(("changes", "code"), OPEN_FACTS)
def test_what_was_not_typed_or_speaks_against_it_needs_a_person(changes: dict[str, Any], code: str) -> None:
    grade = graded(rail(), typed=facts(**changes))
    assert (grade.grade, codes(grade)) == ("human", [code])


@pytest.mark.parametrize("row", ["closed_vessel", "radiation", "wrong_steel", "weld"])
def test_an_absent_row_is_as_one_not_checked(row: str) -> None:
    typed = CLEAR.model_copy(update={"rows": {k: v for k, v in CLEAR.rows.items() if k != row}})
    grade = graded(rail(), typed=typed)
    assert grade.grade == "human"
    assert grade.reasons[0].values == {"row": row}


@pytest.mark.parametrize("row", ["closed_vessel", "radiation", "wrong_steel"])
def test_safety_and_steel_found_reject_with_or_without_a_place(row: str) -> None:
    grade = graded(rail(), typed=facts(rows={row: "found"}))
    assert (grade.grade, codes(grade)) == ("rejected", ["row_found"])
    assert (grade.usable_length_m, grade.usable_mass_kg, grade.ball_mass_kg, grade.value) == (0, 0, 0, 0)


def test_rows_that_need_not_be_filled() -> None:
    typed = facts(rows=dict.fromkeys(("bolt_hole", "bend", "corrosion", "head_crack"), "not_checked"))
    assert graded(rail(), typed=typed).grade == "feed"


def test_a_found_row_takes_effect_by_findings_that_a_person_placed() -> None:
    typed = facts(rows={"weld": "found"})
    placed = graded(rail(), finding("weld"), typed=typed)
    guessed = graded(rail(), finding("weld", state="unconfirmed", origin="model", score=0.7), typed=typed)
    assert placed.grade == "feed_with_cuts"
    assert (guessed.grade, codes(guessed)) == ("human", ["row_found_unplaced", "finding"])


def test_a_clear_row_against_a_finding_needs_a_person() -> None:
    grade = graded(rail(), finding("weld"))
    assert grade.grade == "human"
    assert next((reason.code, reason.values.get("count")) for reason in grade.reasons) == (
        "row_contradicts",
        1,
    )


def test_corrosion_without_a_place_downgrades_every_piece() -> None:
    grade = graded(rail(), typed=facts(rows={"corrosion": "found"}))
    clean = graded(rail())
    assert grade.grade == "downgraded"
    assert grade.cut_list is not None
    assert all(piece.downgraded for piece in grade.cut_list.pieces)
    assert grade.value == pytest.approx((clean.value or 0.0) * 0.9)


def test_wear_takes_mass_and_downgrades() -> None:
    grade = graded(rail(), typed=facts(wear_mm=12.0))
    assert (grade.grade, codes(grade)) == ("downgraded", ["wear"])
    assert grade.kg_per_m == pytest.approx(64.8 - 12.0 * 75.0 * 7.85e-3)


def test_unseen_stretches_need_a_person_and_are_in_no_piece() -> None:
    grade = graded(rail(unseen=(hole(3.0, 4.0), hole(3.5, 4.5), hole(-0.1, 0.25), hole(13.0, 14.0))))
    assert (grade.grade, codes(grade)) == ("human", ["unseen"])
    assert grade.unseen_m == pytest.approx(1.75)
    assert grade.reasons[0].values["stretches"] == 3
    assert "unseen_stretches" in grade.not_inspected
    assert grade.cut_list is not None
    assert all(piece.end_m <= 3.0 or piece.start_m >= 4.5 for piece in grade.cut_list.pieces)
    assert {cut.reason for cut in grade.cut_list.cuts} >= {"unseen"}


def test_a_camera_for_the_inspector_only_leaves_nothing_unseen() -> None:
    cameras = (("top", "head", True), ("left", "web", False))
    grade = graded(rail(unseen=(hole(3.0, 4.0, "left"),), cameras=cameras))
    assert (grade.grade, grade.unseen_m) == ("feed", 0.0)


def test_a_camera_that_saw_nothing_looked_for_nothing() -> None:
    """It is there, and inspected, and gave not one healthy picture."""
    cameras = (("top", "head", True), ("side", "web", True))
    sound = graded(rail(cameras=cameras))
    dead = graded(rail(cameras=cameras, unseen=(hole(0.0, 6.0, "side"), hole(5.9, 12.5, "side"))))
    assert (sound.grade, dead.grade) == ("feed", "human")
    assert ("web" in sound.not_inspected, "web" in dead.not_inspected) == (False, True)
    half = graded(rail(cameras=cameras, unseen=(hole(0.0, 6.0, "side"),)))
    assert (half.grade, "web" in half.not_inspected) == ("human", False)


def test_a_rail_that_nobody_saw_is_for_a_person_not_rejected() -> None:
    grade = graded(rail(unseen=(hole(0.0, 12.5),)))
    assert grade.grade == "human"
    assert grade.usable_length_m == 0.0


#: (what the map lacks, codes): none of them may come out clear.
OPEN_MAPS: list[tuple[dict[str, Any], list[str]]] = [
    ({"row_mm": None, "length_m": None}, ["no_scale", "length_unknown"]),
    ({"cameras": (("top", "head", False),)}, ["no_inspected_camera"]),
    ({"thresholds": {"defect": 0.5, "gap": 0.5}}, ["label_not_searched"]),
    ({"length_is_least": True}, ["length_is_least"]),
    ({"start": RailEnd(row=LEAD, seen=False)}, ["length_is_least"]),
    ({"end": RailEnd(row=LEAD, seen=False), "length_m": None}, ["length_is_least", "length_unknown"]),
    ({"length_m": 0.0}, ["length_unknown"]),
]


@pytest.mark.parametrize(("changes", "told"), OPEN_MAPS)
def test_a_map_that_proves_too_little_needs_a_person(changes: dict[str, Any], told: list[str]) -> None:
    base = rail(cameras=changes.pop("cameras")) if "cameras" in changes else rail()
    grade = graded(base.model_copy(update=changes))
    assert (grade.grade, codes(grade)) == ("human", told)


def test_without_a_scale_there_are_no_metres() -> None:
    found = mark(3.0, 20.0).model_copy(
        update=dict.fromkeys(("start_m", "end_m", "length_mm", "across_mm", "width_mm"))
    )
    grade = graded(
        rail(found, unseen=(hole(4.0, 5.0),)).model_copy(update={"row_mm": None, "length_m": None})
    )
    assert grade.grade == "human"
    assert grade.cut_list is None
    assert [grade.unseen_m, grade.usable_length_m, grade.mass_kg, grade.value] == [None] * 4
    assert "sizes" in grade.not_inspected


def test_a_typed_length_stands_in_where_none_was_measured() -> None:
    lost = rail().model_copy(update={"row_mm": None, "length_m": None})
    grade = graded(lost, typed=facts(length_m=12.5))
    assert grade.length_m == 12.5
    assert grade.mass_kg == pytest.approx(12.5 * (grade.kg_per_m or 0.0))
    assert (grade.grade, grade.cut_list) == ("human", None)
    short = graded(rail(length_is_least=True), typed=facts(length_m=25.0))
    assert short.length_m == 25.0
    assert short.yield_share == pytest.approx((short.usable_length_m or 0.0) / 25.0)


#: (length mm, width mm, action of an unnamed damage of the head by the default recipe)
SIZES = [
    (20.0, 10.0, "downgrade"),
    (60.0, 10.0, "downgrade"),
    (60.1, 10.0, "cut"),
    (59.0, 34.0, "cut"),
    (5.0, 36.0, "cut"),
    (5.0, None, "cut"),
    (None, 5.0, "cut"),
]


@pytest.mark.parametrize(("length_mm", "width_mm", "action"), SIZES)
def test_severity_by_size(length_mm: float | None, width_mm: float | None, action: str) -> None:
    odd = finding("surface_damage", 6.0, 20.0).model_copy(
        update={"length_mm": length_mm, "width_mm": width_mm}
    )
    assert [reason.action for reason in graded(rail(), odd).reasons] == [action]


def test_a_cut_has_its_margin() -> None:
    """A mark over half of the head is cut 300 mm to each side, as a crack through it."""
    grade = graded(rail(mark(6.0, 5.0, width_mm=40.0)))
    assert grade.grade == "feed_with_cuts"
    assert grade.cut_list is not None
    assert all(piece.end_m <= 5.7 or piece.start_m >= 6.305 for piece in grade.cut_list.pieces)
    (cut,) = [cut for cut in grade.cut_list.cuts if cut.reason == "finding"]
    assert cut.findings == ("f1",)
    assert grade.usable_length_m == pytest.approx(12.5 - 0.1 - 0.605 - 2 * 0.006, abs=0.02)


def test_a_dismissed_finding_does_not_count() -> None:
    away = finding("head_split", state="dismissed")
    grade = graded(rail(), away)
    assert (grade.grade, grade.reasons) == ("feed", ())
    assert all(row.found == 0 for row in grade.coverage)


def test_a_kind_that_the_recipe_does_not_know_is_for_a_person() -> None:
    grade = graded(rail(), finding("a_kind_of_an_older_recipe"))
    assert (grade.grade, codes(grade)) == ("human", ["kind_unknown"])
    assert grade.cut_list is not None
    assert all(piece.end_m <= 5.7 or piece.start_m >= 6.32 for piece in grade.cut_list.pieces)


def test_a_finding_placed_by_rows_alone_is_cut_out() -> None:
    drawn = finding("weld", 6.0, 100.0).model_copy(update={"start_m": None, "end_m": None})
    grade = graded(rail(), drawn, typed=facts(rows={"weld": "found"}))
    assert grade.grade == "feed_with_cuts"
    assert grade.cut_list is not None
    assert all(piece.end_m <= 5.85 or piece.start_m >= 6.25 for piece in grade.cut_list.pieces)


def test_too_many_cuts_leave_nothing() -> None:
    cracks = [finding("head_crack_surface", 1.0 + 2.0 * n, id=f"a{n}") for n in range(6)]
    grade = graded(rail(), *cracks)
    assert grade.grade == "rejected"
    assert codes(grade)[0] == "nothing_usable"


def test_findings_of_a_map_are_unconfirmed() -> None:
    rail_map = rail(
        mark(-0.011, 15.0, label="gap", number=1),
        mark(3.0, 20.0, number=2),
        mark(6.0, 20.0, label="gap", number=3),
        mark(9.0, 20.0, label="dirt", number=4),
        mark(12.496, 15.0, label="gap", number=5),
    )
    found = findings_of(rail_map, RECIPE)
    assert [one.kind for one in found] == ["rail_end", "surface_damage", "break", "dirt", "rail_end"]
    assert {(one.state, one.origin) for one in found} == {("unconfirmed", "model")}
    assert found[1].boxes == rail_map.findings[1].boxes
    blind = rail_map.model_copy(update={"start": RailEnd(row=LEAD, seen=False)})
    assert findings_of(blind, RECIPE)[0].kind == "break"


def test_a_label_that_the_recipe_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match="label 'weld'"):
        findings_of(rail(mark(3.0, 20.0, label="weld")), RECIPE)


def test_coverage_says_who_looked() -> None:
    typed = facts(rows={"bolt_hole": "not_checked", "weld": "found"}, wear_mm=None)
    grade = graded(rail(mark(3.0, 20.0)), finding("weld"), typed=typed)
    by_kind = {row.kind: row for row in grade.coverage}
    assert list(by_kind) == list(RECIPE.kinds)
    assert (by_kind["spall"].seen_by, by_kind["spall"].ru, by_kind["spall"].uic) == (
        "model",
        "11.1-2",
        "222, 2223, 227",
    )
    assert (by_kind["weld"].seen_by, by_kind["weld"].fact, by_kind["weld"].found) == ("inspector", "found", 1)
    assert by_kind["weld"].required
    assert (by_kind["bolt_hole"].seen_by, by_kind["bolt_hole"].fact) == ("not_seen", "not_checked")
    assert by_kind["side_wear"].seen_by == "not_seen"
    assert by_kind["surface_damage"].found == 1
    assert set(grade.not_inspected) >= {"inner_cracks", "hardness", "radiation", "web", "foot", "wear"}
    dark = graded(rail(cameras=(("left", "web", True),)), typed=typed)
    assert {row.kind: row.seen_by for row in dark.coverage}["spall"] == "not_seen"
    assert set(dark.not_inspected) >= {"head", "web_other_side", "foot"}


def test_a_named_finding_counts_as_looked_for_by_the_inspector() -> None:
    typed = facts(rows={"bolt_hole": "not_checked"})
    grade = graded(rail(), finding("bolt_hole"), typed=typed)
    assert {row.kind: row.seen_by for row in grade.coverage}["bolt_hole"] == "inspector"


KINDS = st.sampled_from([*RECIPE.kinds, "of_no_recipe"])


@st.composite
def loose_findings(draw: st.DrawFn) -> tuple[YardFinding, ...]:
    return tuple(
        finding(
            draw(KINDS),
            draw(st.floats(-0.1, 6.2)),
            draw(st.floats(1.0, 200.0)),
            id=f"f{number}",
            width_mm=draw(st.none() | st.floats(1.0, 70.0)),
            state="unconfirmed",
        )
        for number in range(draw(st.integers(1, 4)))
    )


@settings(max_examples=50, deadline=None)
@given(
    loose_findings(), st.sampled_from([CLEAR, TypedFacts(), facts(rows=dict.fromkeys(RECIPE.rows, "found"))])
)
def test_one_more_finding_never_improves_a_rail(found: tuple[YardFinding, ...], typed: TypedFacts) -> None:
    rail_map = rail(length_m=6.2)
    fewer = grade_rail(rail_map, found[:-1], typed, RECIPE)
    more = grade_rail(rail_map, found, typed, RECIPE)
    assert GRADES.index(more.grade) >= GRADES.index(fewer.grade)
    if fewer.value is not None and more.value is not None:
        assert more.value <= fewer.value + 1e-6
    assert {reason.code for reason in more.reasons} <= set(REASON_CODES)
    for reason in more.reasons:
        assert set(reason.values) == set(REASON_CODES[reason.code])


def test_rows_are_half_a_millimetre() -> None:
    """The maps of these tests are what they say."""
    assert rail().position_m(LEAD + 2000) == pytest.approx(2000 * ROW_MM / 1000.0)
