"""The threat model names tests that exist; the documented proxy lets through what the page takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_runtime.page.yard_photos_api import FILE_MAX_MB

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)`", TEXT)))


def test_every_line_of_the_drawing_has_a_defence() -> None:
    drawing = TEXT.partition("## Trust boundaries")[2].partition("```\n")[2].partition("```")[0]
    drawn = set(re.findall(r"\((\d)\)", drawing))
    defended = set(re.findall(r"^\| (\d) \|", TEXT, re.M))
    assert drawn == defended == {"1", "2", "3", "4", "5", "6", "7"}


@pytest.mark.parametrize("name", NAMED)
def test_what_it_points_to_is_there(name: str) -> None:
    path = ROOT / name
    assert path.is_dir() or "def test_" in path.read_text(encoding="utf-8")


def test_every_fuzz_test_is_pointed_to() -> None:
    assert {f"tests/fuzz/{path.name}" for path in (ROOT / "tests" / "fuzz").glob("test_*.py")} <= set(NAMED)


def test_the_documented_proxy_lets_photos_through() -> None:
    """nginx refuses bodies of more than 1 MB unless it is told otherwise."""
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    found = re.search(r"client_max_body_size (\d+)m;", text)
    assert found is not None
    assert int(found.group(1)) > FILE_MAX_MB
