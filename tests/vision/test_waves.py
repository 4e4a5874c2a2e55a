"""The arithmetic that outlines share: waves of a profile, harmonics of what was seen, runs round the turn."""

from __future__ import annotations

import numpy as np
import pytest

from vision.metrology.polar import basis, box_mean, fit_harmonics, runs, solve_normal
from vision.metrology.waves import from_waves, power_of, to_waves


@pytest.mark.parametrize("number", [360, 361, 432, 720])
def test_waves_are_those_of_the_fourier_transform(number: int) -> None:
    profile = np.random.default_rng(number).normal(100.0, 1.0, number)
    expected = np.fft.rfft(profile)
    waves = to_waves(profile)
    np.testing.assert_allclose(power_of(waves), np.abs(expected) ** 2, rtol=1e-9, atol=1e-9)
    gain = np.random.default_rng(1).uniform(0.0, 1.0, len(expected))
    np.testing.assert_allclose(
        from_waves(waves, gain), np.fft.irfft(expected * gain, number), rtol=0.0, atol=1e-11
    )


@pytest.mark.parametrize("hidden_share", [0.0, 0.02, 0.3, 0.8])
@pytest.mark.parametrize("order", [2, 8])
def test_harmonics_are_least_squares_over_the_seen_rays(hidden_share: float, order: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(100.0, 1.0, 432)
    use = rng.uniform(size=432) >= hidden_share
    # What was not seen must not count, whatever it is.
    values[~use] = 1e3
    wanted = np.linalg.lstsq(basis(432, order)[use], values[use], rcond=None)[0]
    found = fit_harmonics(values, use, order, ridge=0.0)
    np.testing.assert_allclose(found, basis(432, order) @ wanted, rtol=1e-8)


def test_a_ridge_keeps_unseen_harmonics_small() -> None:
    use = np.zeros(360, np.bool_)
    use[:20] = True
    values = np.random.default_rng(5).normal(100.0, 1.0, 360)
    assert np.abs(fit_harmonics(values, use, 8, 1e-3) - 100.0).max() < 1e3
    assert np.isfinite(fit_harmonics(values, np.zeros(360, np.bool_), 2)).all()


def test_singular_normal_equations_are_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        solve_normal(np.zeros((3, 3)), np.ones(3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0000", []),
        ("1111", [(0, 4)]),
        ("0110", [(1, 2)]),
        ("1001", [(3, 2)]),
        ("1011", [(2, 3)]),
        ("10100", [(0, 1), (2, 1)]),
        ("1101001", [(3, 1), (6, 3)]),
    ],
)
def test_runs_go_round_the_turn(text: str, expected: list[tuple[int, int]]) -> None:
    assert runs(np.array([letter == "1" for letter in text])) == expected


@pytest.mark.parametrize("half", [0, 1, 2, 7])
def test_a_running_mean_goes_round_the_turn(half: int) -> None:
    values = np.random.default_rng(7).normal(size=100)
    wanted = [np.take(values, range(at - half, at + half + 1), mode="wrap").mean() for at in range(100)]
    np.testing.assert_allclose(box_mean(values, half), wanted, atol=1e-12)
