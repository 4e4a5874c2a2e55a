"""Verdicts on pictures of rails: the worst finding's action, and never an accept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from edge_runtime.recipes import RAIL_RECIPE_PATH
from tests.vision.small_models import rail_contract
from vision.contract import RAIL_LABELS
from vision.errors import ContractError
from vision.judge_rail import judge_rail_picture, require_rail_labels
from vision.rail import RailFindings
from vision.rail_head import RailHead
from vision.rail_recipe import RailRecipe
from vision.reasons import REASON_NUMBERS
from vision.types import Decision, Detections

CONTRACT = rail_contract(thresholds={"defect": 0.6, "dirt": 0.5, "gap": 0.4})
R, V = Decision.REJECT, Decision.REVIEW


def text() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(RAIL_RECIPE_PATH.read_text(encoding="utf-8"))
    return data


def recipe(**rules: dict[str, Any]) -> RailRecipe:
    """The default recipe with rules changed; scores may be given as numbers."""
    data = text()
    for label, changes in rules.items():
        scores = {
            key: {"value": value, "source": "a test", "verified": True} if key.endswith("score") else value
            for key, value in changes.items()
        }
        data["findings"][label].update(scores)
    return RailRecipe.model_validate(data)


def findings(*found: tuple[str, float], head: bool = True) -> RailFindings:
    ordered = sorted(found, key=lambda item: -item[1])
    detections = Detections(
        np.tile(np.array([1, 2, 3, 4], np.float32), (len(found), 1)),
        np.array([score for _, score in ordered], np.float32),
        np.array([RAIL_LABELS.index(label) for label, _ in ordered], np.int64),
        RAIL_LABELS,
    )
    return RailFindings(detections, RailHead(0, 0, 100, 50, found=head), (0, 0, 100, 200), False, 1.0, 2)


Rules = dict[str, dict[str, Any]]
#: (what, findings, head found, changed rules, verdict, reasons)
VERDICTS: list[tuple[str, list[tuple[str, float]], bool, Rules, Decision, list[str]]] = [
    ("nothing found", [], True, {}, V, ["single_picture"]),
    ("no head, nothing found", [], False, {}, V, ["rail_not_found", "single_picture"]),
    ("damage", [("defect", 0.9)], True, {}, R, ["defect"]),
    ("damage at the threshold", [("defect", 0.6)], True, {}, R, ["defect"]),
    ("damage below it", [("defect", 0.59)], True, {}, V, ["single_picture"]),
    ("damage where no head was found", [("defect", 0.9)], False, {}, R, ["defect", "rail_not_found"]),
    ("a gap", [("gap", 0.5)], True, {}, V, ["gap"]),
    ("dirt", [("dirt", 0.7)], True, {}, V, ["dirt"]),
    ("all three: the worst decides", [("dirt", 0.9), ("gap", 0.8), ("defect", 0.7)], True, {}, R,
     ["defect", "gap", "dirt"]),
    ("several of a kind are one reason", [("dirt", 0.9), ("dirt", 0.8)], True, {}, V, ["dirt"]),
    ("left dirt decides nothing", [("dirt", 0.9)], True, {"dirt": {"action": "leave"}}, V,
     ["single_picture"]),
    ("left damage decides nothing", [("defect", 0.9), ("gap", 0.9)], True, {"defect": {"action": "leave"}},
     V, ["gap"]),
    ("dirt rejects where the recipe says so", [("dirt", 0.9)], True, {"dirt": {"action": "reject"}}, R,
     ["dirt"]),
    ("damage between its scores", [("defect", 0.7)], True,
     {"defect": {"reject_score": 0.8, "review_score": 0.5}}, V, ["score_review"]),
    ("damage above its own score, below the contract's", [("defect", 0.3)], True,
     {"defect": {"reject_score": 0.3}}, R, ["defect"]),
    ("review from its own score on", [("dirt", 0.2)], True, {"dirt": {"review_score": 0.2}}, V, ["dirt"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "found", "head", "rules", "decision", "reasons"), VERDICTS, ids=[row[0] for row in VERDICTS]
)
def test_verdict(
    what: str,
    found: list[tuple[str, float]],
    head: bool,
    rules: Rules,
    decision: Decision,
    reasons: list[str],
) -> None:
    own = recipe(**rules)
    verdict = judge_rail_picture(findings(*found, head=head), own, CONTRACT, model_sha256="m")
    assert verdict.decision is decision
    assert [reason.code for reason in verdict.reasons] == reasons
    assert all(code in REASON_NUMBERS for code in reasons)
    assert (verdict.recipe_sha256, verdict.model_sha256) == (own.sha256(), "m")


def test_no_findings_at_all_are_ever_an_accept() -> None:
    """Whatever the actions are, whatever was found."""
    for action in ("reject", "review", "leave"):
        own = recipe(**{label: {"action": action} for label in RAIL_LABELS})
        for found in ([], [("defect", 1.0)], [("dirt", 1.0), ("gap", 0.1)]):
            verdict = judge_rail_picture(findings(*found), own, CONTRACT, model_sha256="m")
            assert verdict.decision is not Decision.ACCEPT
            assert verdict.reasons


def test_a_reason_has_its_score_and_the_limit_it_broke() -> None:
    verdict = judge_rail_picture(
        findings(("defect", 0.9), ("defect", 0.7), ("defect", 0.2)), recipe(), CONTRACT, model_sha256="m"
    )
    (reason,) = verdict.reasons
    assert (reason.text, reason.limit) == ("2 x defect", 0.6)
    assert reason.value == pytest.approx(0.9)


def test_a_model_must_know_what_the_recipe_judges() -> None:
    blind = rail_contract(labels=("defect", "gap"))
    with pytest.raises(ContractError, match="dirt"):
        require_rail_labels(recipe(), blind)
    left = recipe(dirt={"action": "leave"})
    verdict = judge_rail_picture(findings(), left, blind, model_sha256="m")
    assert verdict.first_reason == "single_picture"


def test_the_default_recipe_says_that_nobody_verified_it() -> None:
    own = recipe()
    assert own.unverified() == ("findings.defect", "findings.gap", "findings.dirt")
    assert {label: rule.action for label, rule in own.findings.items()} == {
        "defect": "reject",
        "gap": "review",
        "dirt": "review",
    }
    limited = recipe(defect={"reject_score": 0.5})
    assert limited.sha256() != own.sha256()
    assert own.sha256() == RailRecipe.model_validate(dict(reversed(text().items()))).sha256()


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("for balls", {"kind": "ball"}, "ball station"),
    ("of no kind", {"kind": None}, "kind"),
    ("a label is missing", {"findings": {"defect": {}}}, "findings"),
    ("an unknown key", {"colour": "red"}, "colour"),
    ("an empty name", {"product": " "}, "product"),
]


@pytest.mark.parametrize(("what", "changes", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_recipes_that_cannot_be(what: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RailRecipe.model_validate({**text(), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "ignore"},
        {"source": ""},
        {"verified": "yes"},
        {"reject_score": 0.0},
        {"review_score": 0.9, "reject_score": 0.5},
    ],
)
def test_rules_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="defect"):
        recipe(defect=changes)


def test_every_label_of_the_station_has_a_rule_and_a_label_more_has_none() -> None:
    data = text()
    data["findings"]["weld"] = data["findings"]["dirt"]
    with pytest.raises(ValidationError, match="weld"):
        RailRecipe.model_validate(data)
