"""The alignment test alone: it sees a shift of verdicts against balls, and sees none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.twin.auditor_shift import SIGNIFICANCE, Judged, evidence


def _run(n: int, share: float, hit: float, false: float, shift: int, seed: int) -> list[Judged]:
    rng = np.random.default_rng(seed)
    defective = rng.random(n) < share
    seen = np.roll(defective, -shift)
    rejected = np.where(seen, rng.random(n) < hit, rng.random(n) < false)
    return [Judged(bool(reject), bool(bad)) for reject, bad in zip(rejected, defective, strict=True)]


@pytest.mark.parametrize(
    ("n", "share", "hit", "false"),
    [
        # what the sabotage tests run: few balls, many defects
        (100, 0.3, 0.9, 0.02),
        # a weaker model
        (200, 0.3, 0.6, 0.05),
        # a long run at a plant's share of defects
        (2000, 0.03, 0.7, 0.01),
    ],
)
@pytest.mark.parametrize("shift", [-1, 1])
def test_a_shift_is_seen_and_its_direction_told(
    n: int, share: float, hit: float, false: float, shift: int
) -> None:
    parts = _run(n, share, hit, false, shift, seed=4)
    assert evidence(parts, shift) > 2.0 / SIGNIFICANCE
    assert evidence(parts, -shift) < 1.0


def test_aligned_verdicts_give_no_evidence_of_a_shift() -> None:
    # 1,000 runs: Markov allows 1 in 10 above 10; the measured share lies far below.
    values = [
        evidence(_run(80, 0.25, hit, 0.02, 0, seed), shift)
        for seed in range(125)
        for hit in (0.1, 0.5, 0.7, 0.95)
        for shift in (-1, 1)
    ]
    assert float(np.mean(np.array(values) > 10.0)) <= 0.1
    assert max(values) < 2.0 / SIGNIFICANCE


def test_no_evidence_without_verdicts() -> None:
    assert evidence([Judged(None, True), Judged(True, None)], 1) == pytest.approx(1.0)
