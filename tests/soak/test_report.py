"""The object, the judgement and the report of a soak, in all languages."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.bench.machine import this_machine
from edge_runtime.reports.html import html_text
from edge_runtime.reports.words import LANGUAGES
from edge_runtime.soak.growth import drift, growths, memory_growth_mb
from edge_runtime.soak.plan import SoakPlan
from edge_runtime.soak.plots import process_plot
from edge_runtime.soak.probe import Sample
from edge_runtime.soak.report import soak_report
from edge_runtime.soak.result import Origin, SoakResult
from edge_runtime.soak.tally import LatencyStretch, Tally
from edge_runtime.soak.windows import Disturbance, FaultWindow
from edge_runtime.soak.words import load_words

KEYS = (
    "balls",
    "line_hours",
    "wall_hours",
    "faults_injected",
    "violations",
    "late",
    "false_rejects",
    "memory_growth_mb",
)
S = 1_000_000_000


def _tally(**changes: Any) -> Tally:
    tally = Tally(totals=Counter(balls=1000, accepted=950, rejected=50), good_outside=900)
    tally.latencies = [LatencyStretch(100.0 * at, 300, 5.0, 9.0, 12.0) for at in range(72)]
    for name, value in changes.items():
        setattr(tally, name, value)
    return tally


def _leaking(at_s: float, leak_mb_per_h: float, noise: np.random.Generator) -> float:
    return 100.0 + leak_mb_per_h * at_s / 3600.0 + float(noise.normal(0.0, 0.1))


def _result(folder: Path, leak_mb_per_h: float = 0.0, **changes: Any) -> SoakResult:
    noise = np.random.default_rng(1)
    samples = [
        Sample(at_s, name, pid, _leaking(at_s, leak_mb_per_h, noise), 130.0, 150.0, 20, 5, 1)
        for at_s in range(0, 7200, 20)
        for pid, name in enumerate(("supervisor", "station", "recorder", "page", "twin", "plc"))
    ]  # fmt: skip
    found = growths(samples)
    tally = changes.pop("tally", _tally())
    facts: dict[str, Any] = {
        "plan": SoakPlan(2.0, 3.0, 10.0, 60, 20.0, (), 120.0, 1, 40.0, 0.03, 4, "model", folder),
        "origin": Origin("0.1.0", "abc+", "model", "0" * 64, this_machine()),
        "tally": tally,
        "faults": [FaultWindow("e_stop", 20, S, 0.0, 3 * S, 4 * S, 1.0)],
        "disturbances": [],
        "began_ns": 0,
        "line_s": 7200.0,
        "wall_s": 7300.0,
        "idle_cut_s": 3600.0,
        "growths": found,
        "drift": drift(tally.latencies),
        "memory_growth_mb": memory_growth_mb(found, 2.0),
        "samples": samples,
        "disk_mb": [(60.0 * at, 100.0) for at in range(120)],
        "books_balanced": True,
        "books_text": "",
        "ledger_mb": 5.0,
        "belt_length_m": 0.76,
        "wraps": 100,
        "scans_late": [],
        "page_pictures": 10,
        "page_broken": 0,
        "stopped_early": False,
        "stuck": False,
        "error": "",
    }
    return SoakResult(**(facts | changes))


def test_the_first_keys_are_those_of_a_campaign(tmp_path: Path) -> None:
    facts = _result(tmp_path).to_json()
    assert tuple(facts)[: len(KEYS)] == KEYS
    assert facts["balls"] == 1000
    assert (facts["line_hours"], facts["idle_left_out_hours"]) == (2.0, 1.0)


def test_a_sound_run_is_clean(tmp_path: Path) -> None:
    result = _result(tmp_path)
    assert result.unclean == []
    assert result.exit_code == 0
    assert result.memory == "flat"


@pytest.mark.parametrize(
    ("changes", "name", "code"),
    [
        ({"tally": _tally(violations=1)}, "violations", 10),
        ({"tally": _tally(late=1)}, "late", 1),
        ({"tally": _tally(false_rejects=10)}, "false_rejects", 1),
        ({"tally": _tally(totals=Counter(balls=10, unaccounted=1))}, "unaccounted", 1),
        ({"tally": Tally()}, "no_balls", 1),
        ({"leak_mb_per_h": 30.0}, "memory", 1),
        ({"books_balanced": False}, "books", 1),
        ({"disturbances": [Disturbance(0, S, "the belt stood")]}, "disturbances", 1),
        ({"faults": [FaultWindow("e_stop", 20, S, 0.0, 3 * S)]}, "not_recovered", 1),
        ({"stuck": True}, "stuck", 1),
        ({"error": "the PLC ended"}, "error", 1),
    ],
)
def test_each_fault_of_the_run_is_named_in_its_exit_code(
    tmp_path: Path, changes: dict[str, Any], name: str, code: int
) -> None:
    result = _result(tmp_path, **changes)
    assert result.unclean == [name]
    assert result.exit_code == code
    assert result.to_json()["clean"] is False


def test_nine_false_rejects_of_nine_hundred_are_borne(tmp_path: Path) -> None:
    assert _result(tmp_path, tally=_tally(false_rejects=9)).unclean == []


def test_a_fault_that_is_under_way_when_somebody_ends_the_run_is_nothing_bad(tmp_path: Path) -> None:
    faults = [FaultWindow("e_stop", 20, S, 0.0, 3 * S)]
    assert _result(tmp_path, faults=faults, stopped_early=True).unclean == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_it_in_every_language(tmp_path: Path, language: str) -> None:
    words = load_words(language)
    tally = _tally(violations=2, violations_told=["accept_on_reject: ball 7 <b>"], late=3)
    tally.kinds, tally.examples = Counter(late_verdict=3), {"late_verdict": ["ball 8"]}
    tally.reasons = Counter({"LATE": 2})
    bad = _result(
        tmp_path,
        30.0,
        tally=tally,
        disturbances=[Disturbance(0, S, "the belt stood")],
        books_balanced=False,
        books_text="FAIL parts",
        error="the PLC ended",
    )
    text = html_text(soak_report(bad, words.language))
    assert words("unclean.violations", count="2") in text
    assert "ball 7 &lt;b&gt;" in text
    assert text.count("<svg") == 5
    assert words("trend.growing") in text
    clean = html_text(soak_report(_result(tmp_path), words.language))
    assert words("clean") in clean


def test_every_fault_of_a_long_run_is_marked_in_the_plot_of_memory(tmp_path: Path) -> None:
    faults = [FaultWindow("e_stop", 20, at * 13 * S, 0.0, (at * 13 + 3) * S) for at in range(1, 538)]

    def paths(count: int) -> int:
        result = _result(tmp_path, faults=faults[:count])
        return process_plot(result, "memory_mb", load_words("en")).svg.count("<path")

    assert paths(537) - paths(1) == 536


def test_a_run_of_nothing_has_a_report(tmp_path: Path) -> None:
    result = _result(
        tmp_path, tally=Tally(), samples=[], growths=[], disk_mb=[], faults=[], memory_growth_mb=0.0
    )
    assert math.isnan(result.tally.false_reject_share)
    assert result.to_json()["false_reject_share"] is None
    assert html_text(soak_report(result, "en"))


def test_the_catalogues_have_the_same_texts() -> None:
    english = load_words("en").texts
    for language in LANGUAGES:
        texts = load_words(language).texts
        assert set(texts) == set(english)
        for key, text in texts.items():
            places = sorted(part.split("}")[0] for part in text.split("{")[1:])
            assert places == sorted(part.split("}")[0] for part in english[key].split("{")[1:]), key
