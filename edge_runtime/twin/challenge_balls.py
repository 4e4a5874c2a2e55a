"""Challenge balls: what a person drops onto the belt to see whether the line still finds it.

Grossly defective balls of one kind, or good ones (so that a challenge can be missed on purpose), drawn
from the bank. They are numbered apart from the planned balls, and the truth marks them. Neighbours:
`feed` puts them onto the belt, `balls` plans all others.
"""

from __future__ import annotations

import numpy as np

from datasets.synthetic.bank import BallTruth, BankIndex
from edge_runtime.twin.balls import CERTIFIED_C, GOOD, OVAL, OVERSIZE, UNDERSIZE, PlannedBall
from edge_runtime.twin.field import Word
from edge_runtime.twin.settings import LineSettings
from vision.contract import BALL_LABELS

#: in the order of their words in the field wiring, so: only ever add at the end
KINDS: tuple[str, ...] = (GOOD, *BALL_LABELS, OVAL, UNDERSIZE, OVERSIZE)
#: above the number of any planned ball
FIRST_NUMBER = 20_000_000
#: the grossest so many balls of a kind take turns
_TAKE_TURNS = 3


def challenge_word(kind: str) -> int:
    """Index of the counter that asks for one more ball of a kind.

    Raises:
        ValueError: there is no such kind.
    """
    return Word.CHALLENGE + KINDS.index(kind)


def draw_challenge(settings: LineSettings, index: BankIndex, kind: str, count: int) -> PlannedBall | None:
    """The `count`-th (from 0) challenge ball of a run; None when the bank has no ball of that kind.

    Its temperature is drawn like any other ball's; it carries no dust and no flakes.
    """
    looks = _grossest(index, GOOD if kind in (UNDERSIZE, OVERSIZE) else kind)
    if not looks:
        return None
    rng = np.random.default_rng([settings.seed, 0xC4A1, count])
    off_mm40 = max(settings.size_reject_mm40)
    off_mm = {UNDERSIZE: -off_mm40, OVERSIZE: off_mm40}.get(kind, 0.0) * settings.d_scale
    celsius = float(rng.uniform(*settings.ball_celsius))
    error_k = float(rng.uniform(-1.0, 1.0)) * settings.pyrometer_error_k
    return PlannedBall(
        number=FIRST_NUMBER + count,
        label=kind,
        bank=looks[count % len(looks)],
        size_mm=settings.diameter_mm + off_mm,
        offset_counts=0.0,
        roll0_deg=float(rng.uniform(0.0, 360.0)),
        lateral_mm=0.0,
        light_gain=1.0,
        specks=(),
        celsius=celsius,
        pyrometer_celsius=celsius + error_k,
        hot_gain=1.0 + settings.expansion_per_k * (celsius - CERTIFIED_C),
        challenge=True,
    )


def _grossest(index: BankIndex, label: str) -> list[BallTruth]:
    """Balls of a label whose defect shows most, over all views."""
    balls = [ball for ball in index.balls if ball.label == label]
    balls.sort(key=lambda ball: (_shows(ball), ball.ball), reverse=True)
    return balls[:_TAKE_TURNS]


def _shows(ball: BallTruth) -> float:
    if ball.label == OVAL:
        return ball.d_max_share - ball.d_min_share
    # The view that shows least counts: a gross defect is seen from every side.
    seen = sorted(view.defect_px for view in ball.views)
    return seen[len(seen) // 4] + 1e-3 * sum(seen)
