"""`ferrogate data audit|version|card` as a person calls them: exit codes, JSON, text, and the probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.records import COCO_FILE
from datasets.versions import version_of
from edge_runtime.cli import main
from tests.datasets.small_sets import good_samples, sample, write_set


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write_set(tmp_path / "rail" / "frames", good_samples())
    return tmp_path / "rail" / "frames"


def test_audit_passes_with_exit_code_0(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "audit", str(good)]) == 0
    assert "audit passed: 0 failures, 0 warnings" in capsys.readouterr().out


def test_audit_fails_with_exit_code_1_and_says_what_to_do(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(good.parent / "more", [*(sample(f"t{n}", split="test") for n in range(12))])
    assert main(["data", "audit", str(good.parent)]) == 1  # both sets, found below their folder
    text = capsys.readouterr().out
    assert "FAIL leak_same_picture" in text
    assert "what to do:" in text
    assert "audit FAILED" in text
    assert main(["data", "audit", str(good.parent), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] is True
    assert {"code", "level", "what", "where", "todo"} == set(report["findings"][0])
    assert report["limits"]["alike"] == 0.8


def test_audit_of_nothing_has_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "audit", str(tmp_path)]) == 2
    assert COCO_FILE in capsys.readouterr().err


def test_version_prints_the_hash(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "version", str(good.parent), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {str(good): version_of(good)}


def test_card_is_written_beside_the_data(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "card", str(good), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["out"] == str(good / "card.html")
    assert said["audit_failed"] is False
    assert (good / "card.html").stat().st_size == said["bytes"]


def test_probe_measures_both_errors(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "audit", str(good), "--probe", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)[str(good)]
    assert result["copied"] == result["pool"] == 6
    assert result["pairs"] == 15
    assert result["strangers"] == []
    assert result["found"]["mirrored"] == result["found"]["brighter (x 1.4 + 8)"] == 6
