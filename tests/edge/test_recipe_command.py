"""`ferrogate recipe`: all that is wrong at once, with line and key; lists, files and hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.catalogue import named, written
from edge_runtime.cli import main
from edge_runtime.config import load_rail_recipe, load_recipe
from edge_runtime.recipe_check import check, check_text
from edge_runtime.recipes import RAIL_RECIPE_PATH, YARD_RECIPE_PATH
from edge_runtime.yard.recipe_file import load_yard_recipe

GOOD = written(named("gost:40"), "for this test")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["recipe", *words])
    return code, capsys.readouterr().out


def line_of(text: str, start: str) -> int:
    """Number of the first line that begins with `start`, blanks aside."""
    return next(i for i, line in enumerate(text.splitlines(), 1) if line.strip().startswith(start))


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


VALUE = "  es_mm:\n    value: 2.0\n"
NOMINAL = "  nominal_mm:\n    value: 41.5\n"
FLAT = (
    "coverage:\n  flat: {depth_mm: 30, visible_mm: 1, "
    "probability_min: {value: 0.9, source: abc, verified: true}}\n"
)
PROBLEMS: list[tuple[str, str, str, str, str]] = [
    # what it is, text, line that is named by its beginning, key, words of the complaint
    ("empty band", replaced(VALUE, VALUE.replace("2.0", "-2.0")), "size:", "size", "the band is empty"),
    ("swapped", replaced(VALUE, VALUE.replace("2.0", "-9.0")), "size:", "size", "the band is empty"),
    ("negative", replaced(NOMINAL, NOMINAL.replace("41.5", "1.5")), "size:", "size", "no diameter is 0"),
    (
        "nominal",
        replaced(NOMINAL, NOMINAL.replace("41.5", "0")),
        "nominal_mm:",
        "size.nominal_mm",
        "above 0",
    ),
    (
        "source",
        GOOD.replace(f"{VALUE}    source: ", f"{VALUE}    sorce: "),
        "es_mm:",
        "size.es_mm.source",
        "without a source",
    ),
    ("flat", replaced("coverage: null\n", FLAT), "coverage:", "coverage", "never be reached"),
    ("typo", replaced("guard:\n", "gaurd:\n"), "gaurd:", "gaurd", "unknown key"),
    (
        "old key",
        replaced("  rule: one_sided_95\n", "  rule: one_sided_95\n  guard_k: 2\n"),
        "guard_k",
        "guard.guard_k",
        "unknown key",
    ),
    (
        "label",
        replaced("size_label: '40'\n", "size_label: 40\n"),
        "size_label",
        "size_label",
        "a text is needed, not 40",
    ),
    ("word", replaced("one_sided_95\n", "two_sided\n"), "rule:", "guard.rule", "two_sided"),
    ("no number", replaced(VALUE, VALUE.replace("2.0", ".nan")), "value: .nan", "size.es_mm.value", "finite"),
    ("findings", replaced("  crack: {action: reject}\n", ""), "findings:", "findings", "missing ['crack']"),
    (
        "views",
        replaced("  views_min: 4\n", "  views_min: 0\n"),
        "views_min",
        "views.views_min",
        "or equal to 1",
    ),
]


@pytest.mark.parametrize(
    ("text", "begins", "key", "what"), [row[1:] for row in PROBLEMS], ids=[row[0] for row in PROBLEMS]
)
def test_a_problem_has_line_key_and_remedy(text: str, begins: str, key: str, what: str) -> None:
    outcome = check_text(text)
    assert outcome.recipe is None
    found = {remark.key: remark for remark in outcome.problems}
    assert key in found, found
    assert what in found[key].what
    assert found[key].line == line_of(text, begins)
    assert found[key].todo


def test_a_typo_is_answered_with_the_key_that_is_meant() -> None:
    text = replaced("  speck_max_mm:", "  spec_max_mm:")
    (remark,) = check_text(text).problems
    assert (remark.key, remark.todo) == ("form.spec_max_mm", "perhaps 'speck_max_mm' is meant")


def test_all_problems_at_once() -> None:
    text = GOOD
    for old, new in (
        (VALUE, VALUE.replace("2.0", "-2.0")),
        ("  rule: one_sided_95\n", "  rule: sideways\n"),
        ("coverage: null\n", FLAT),
        ("  views_min: 4\n", ""),
        ("  crack: {action: reject}\n", "  crack: {action: reject}\n  crack: {action: ignore}\n"),
        ("  lap: {action: reject}\n", "  lap: {action: reject, reject_score: 0.5}\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    keys = [remark.key for remark in check_text(text).problems]
    # The flat is not among them: the size it would be compared with is not known.
    assert keys == ["size", "guard.rule", "views.views_min", "findings.crack", "findings.lap.reject_score"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [1", "not YAML"),
        ("", "empty"),
        ("- 1\n", "no keys"),
        ("schema_version: 7\n", "should be 2"),
        ("schema_version: 1\nsize: 3\n", "valid dictionary"),
    ],
)
def test_what_is_no_recipe_at_all(text: str, what: str) -> None:
    outcome = check_text(text)
    assert outcome.recipe is None
    assert any(what in remark.what for remark in outcome.problems), outcome.problems


WARNINGS: list[tuple[str, str, str]] = [
    # text, key, words
    (replaced(VALUE, VALUE.replace("2.0", "-0.5")), "size", "outside its own band"),
    (replaced(VALUE, VALUE.replace("2.0", "20.0")), "size", "53% of the nominal diameter"),
    (replaced("rule: one_sided_95", "rule: none"), "guard.rule", "counts for nothing"),
    (replaced("crack: {action: reject}", "crack: {action: ignore}"), "findings", "not judged at all: crack"),
    (
        replaced("ovality_max_mm: null", "ovality_max_mm: {value: 4, source: abc, verified: true}"),
        "form.ovality_max_mm",
        "never decides",
    ),
    (
        replaced(
            "coverage: null",
            "coverage:\n  view_angle_max_deg: 40\n"
            "  surface_share_min: {value: 0.99, source: abc, verified: true}",
        ),
        "coverage.surface_share_min",
        "takes 9 views or more, and views_min is 4",
    ),
]


@pytest.mark.parametrize(("text", "key", "what"), WARNINGS)
def test_doubts_are_warnings(text: str, key: str, what: str) -> None:
    outcome = check_text(text)
    assert outcome.recipe is not None
    assert any(remark.key == key and what in remark.what for remark in outcome.warnings), outcome.warnings


def test_version_1_is_read_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limit = "{value: %s, source: drawn up for this test, verified: true}"
    views = GOOD[GOOD.index("views:") :]
    old = (
        "schema_version: 1\nproduct: old\nsize_label: '40'\nsize:\n  d_nominal_mm: 41.5\n"
        f"  es_mm: {limit % 2.0}\n  ei_mm: {limit % -2.0}\n  guard_k: 1.645\n{views}"
    )
    path = tmp_path / "old.yaml"
    path.write_text(old, encoding="utf-8")
    outcome = check(str(path))
    assert outcome.problems == []
    assert [(remark.key, remark.line) for remark in outcome.warnings[:3]] == [
        ("schema_version", 1),
        ("standard", None),
        ("form.speck_max_mm", None),
    ]
    # Shown, it is a file of version 2 with the same limits.
    code, shown = run(capsys, "show", str(path))
    assert code == 0
    new = check_text(shown)
    assert new.recipe == outcome.recipe
    assert all("version 1:" not in remark.what for remark in new.warnings)
    # A mistake is named by the key that the file has.
    bad = check_text(old.replace("d_nominal_mm: 41.5", "d_nominal_mm: -1"))
    assert [(remark.key, remark.line) for remark in bad.problems] == [("size.d_nominal_mm", 5)]


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_text(GOOD.replace("guard:\n", "gaurd:\n"), encoding="utf-8")
    code, out = run(capsys, "check", str(good), "gost:40")
    assert code == 0
    assert f"{good}: sound, 10 warnings" in out
    assert "every width in 39.5..43.5 mm" in out
    assert "warning: line" in out
    code, out = run(capsys, "check", str(good), str(bad), str(tmp_path / "none.yaml"), "gost:41")
    assert code == 2
    assert f"{bad}: 2 problems" in out
    assert "what to do: perhaps 'guard' is meant" in out
    assert "cannot be read" in out
    assert "no size '41'" in out


def test_check_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_text("{}", encoding="utf-8")
    code, out = run(capsys, "check", str(good), str(bad), "--json")
    answer: dict[str, Any] = json.loads(out)
    assert (code, answer["ok"], [item["ok"] for item in answer["files"]]) == (2, False, [True, False])
    first, second = answer["files"]
    assert first["sha256"] == named("gost:40").sha256()
    assert len(first["warnings"]) == len(named("gost:40").unverified())
    assert set(second["problems"][0]) == {"line", "key", "what", "todo"}
    assert second["sha256"] is None


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)["recipes"]}
    assert code == 0
    assert [name for name, row in rows.items() if row["kind"] != "ball"] == ["rail_default", "yard_default"]
    assert rows["yard_default"]["sha256"] == load_yard_recipe().sha256()
    assert rows["gost:40"]["nominal_mm"] == 41.5
    assert rows["gost:40"]["hardness_groups"] == ["1", "2", "3", "4", "5"]
    assert rows["ybt:60"]["ovality_max_share"] == 0.03
    assert all(row["unverified"] > 0 for row in rows.values())
    code, out = run(capsys, "list")
    assert len(out.splitlines()) == len(rows) + 2
    assert any(line.startswith("yard_default") and "Used rail" in line for line in out.splitlines())


def test_show_gives_a_file_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "show", "gost:40:3")
    assert code == 0
    path = tmp_path / "my.yaml"
    path.write_text(out, encoding="utf-8")
    assert load_recipe(path) == named("gost:40:3")
    code, out = run(capsys, "show", str(path), "--json")
    assert json.loads(out)["hardness"]["group"] == "3"


def test_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("# another layout\n" + GOOD, encoding="utf-8")
    code, out = run(capsys, "hash", str(path), "gost:40", "gost:50")
    values = [line.split("  ") for line in out.splitlines()]
    assert code == 0
    assert [name for _, name in values] == [str(path), "gost:40", "gost:50"]
    assert values[0][0] == values[1][0] != values[2][0]
    assert json.loads(run(capsys, "hash", "gost:50", "--json")[1]) == {"gost:50": values[2][0]}


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ((), {"size", "form", "guard", "coverage", "views", "findings"}),
        (("ball",), {"size", "form", "guard", "coverage", "views", "findings"}),
        (("rail",), {"kind", "findings"}),
        (("yard",), {"kinds", "rows", "labels", "sections", "furnace", "money", "wear"}),
    ],
)
def test_schema(words: tuple[str, ...], keys: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "schema", *words)
    schema = json.loads(out)
    assert code == 0
    assert schema["additionalProperties"] is False
    assert keys <= set(schema["properties"])


@pytest.mark.parametrize("name", ["rail_default", "yard_default"])
def test_a_recipe_of_rails_is_shown_checked_and_hashed_by_its_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "show", name)
    assert code == 0
    path = tmp_path / "my.yaml"
    path.write_text(out, encoding="utf-8")
    assert out.splitlines()[0] == f"# Written by 'ferrogate recipe show {name}'."
    assert "NOT VERIFIED" in out
    code, shown = run(capsys, "show", str(path), "--json")
    assert (code, json.loads(shown)["kind"]) == (0, name.partition("_")[0])
    code, hashes = run(capsys, "hash", name, str(path), "--json")
    assert code == 0
    assert len(set(json.loads(hashes).values())) == 1
    code, told = run(capsys, "check", name, str(path), "--json")
    assert (code, {item["kind"] for item in json.loads(told)["files"]}) == (0, {name.partition("_")[0]})


def test_a_yards_recipe_with_a_mistake_says_which_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = YARD_RECIPE_PATH.read_text(encoding="utf-8")
    path = tmp_path / "my.yaml"
    path.write_text(text.replace("    rank: wrong_steel\n", "    rank: rong_steel\n", 1), encoding="utf-8")
    code, out = run(capsys, "check", str(path))
    assert code == 2
    assert f"{path}: 1 problem" in out
    line = line_of(path.read_text(encoding="utf-8"), "rank: rong_steel")
    assert f"line {line}, kinds.wrong_steel.rank" in out
    assert main(["recipe", "show", str(path)]) == 2
    assert "ferrogate recipe schema yard" in capsys.readouterr().err
    # A key that is missing: the file that has them all is named.
    path.write_text(text.replace("\nwear:\n", "\nware:\n", 1), encoding="utf-8")
    code, out = run(capsys, "check", str(path))
    assert code == 2
    assert "'ferrogate recipe show yard_default' has all keys" in out
    assert "perhaps 'wear' is meant" in out


@pytest.mark.parametrize(
    "words", [(), ("check",), ("show",), ("show", "gost:41"), ("hash", "nowhere.yaml"), ("bake", "gost:40")]
)
def test_wrong_command_lines(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", *words]) == 2
    assert "what to do:" in capsys.readouterr().err


def test_a_rails_recipe_is_checked_and_hashed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no sizes; each rule that nobody verified is a warning."""
    assert main(["recipe", "check", str(RAIL_RECIPE_PATH)]) == 0
    out = capsys.readouterr().out
    assert "sound, 3 warnings" in out
    assert "defect reject, gap review, dirt review" in out
    assert "line 10, findings.defect: not verified: reject" in out
    assert main(["recipe", "hash", str(RAIL_RECIPE_PATH)]) == 0
    assert capsys.readouterr().out.startswith(load_rail_recipe(RAIL_RECIPE_PATH).sha256())
    wrong = tmp_path / "wrong.yaml"
    text = RAIL_RECIPE_PATH.read_text(encoding="utf-8")
    wrong.write_text(text.replace("action: reject", "action: rejekt"), encoding="utf-8")
    assert main(["recipe", "check", str(wrong)]) == 2
    assert "line 11, findings.defect.action" in capsys.readouterr().out
    assert main(["recipe", "show", str(wrong)]) == 2
    assert "ferrogate recipe schema rail" in capsys.readouterr().err
