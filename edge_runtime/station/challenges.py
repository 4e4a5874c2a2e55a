"""The balls of the challenge under way, from the empty zone to their outcomes.

A challenge ball counts as `rejected` when the station found on it what was expected, the PLC sent it to
reject because of that verdict, and the reject chute's eye saw it. A ball that the station accepts, or that
goes anywhere else, is a miss, at once. Everything else proves nothing. Neighbours: the day keeper feeds a
`ChallengeRun` and closes the challenge once `result` says how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from edge_runtime.day.state import Challenge, ChallengeResult
from edge_runtime.entries import OutcomeEntry, PartEntry
from vision.reasons import REASON_NUMBERS
from vision.types import PartId

#: reasons below this number were found on the ball (`vision.reasons`)
_FOUND_ON_BALL_BELOW = 50
_SIZE_REASONS = frozenset({"diameter_low", "diameter_high", "oval", "roundness"})
_SENT_ELSEWHERE = ("accept", "bypass")


def is_expected(expected: str, codes: Iterable[str]) -> bool:
    """Whether one of a verdict's reasons is what the ball was to be rejected for.

    Args:
        expected: a defect label, 'size', or 'any' for everything that can be found on a ball.
        codes: the verdict's reasons.
    """
    if expected == "any":
        return any(
            0 < REASON_NUMBERS.get(code, _FOUND_ON_BALL_BELOW) < _FOUND_ON_BALL_BELOW for code in codes
        )
    if expected == "size":
        return not _SIZE_REASONS.isdisjoint(codes)
    return expected in codes


class ChallengeRun:
    """One challenge.

    Args:
        challenge: as announced, or as it was left by a station that ended meanwhile.
        lot, shift: in force when it was announced.

    Attributes:
        challenge: with its progress.
        detail: what happened, for the books.
        told: its entry is in the journal already.
    """

    def __init__(self, challenge: Challenge, lot: str, shift: str) -> None:
        self.challenge = challenge
        self.announced = challenge.balls
        self.lot, self.shift = lot, shift
        self.detail: list[str] = []
        self.told = False
        self._ended: ChallengeResult = ""
        self._open: dict[PartId, bool] = {}
        self._from: int | None = None
        self._boot_id: int | None = None

    @classmethod
    def restored(
        cls,
        challenge: Challenge,
        balls: Sequence[tuple[PartEntry, OutcomeEntry | None]],
        plc_boot_ids: dict[int, int],
        where: tuple[str, str],
    ) -> ChallengeRun:
        """A challenge that was under way when the last station process ended: no more balls are taken.

        Args:
            challenge: as announced.
            balls: those that the journal knows, each with its outcome where there is one.
            plc_boot_ids: epoch -> PLC life.
            where: lot and shift.
        """
        run = cls(challenge.model_copy(update={"waiting": False, "triggered": 0}), *where)
        for part, outcome in balls:
            run._boot_id = plc_boot_ids.get(part.epoch)
            run._take(part.part_id)
            run.on_verdict(part.part_id, part.decision or "reject", [reason.code for reason in part.reasons])
            if outcome is not None:
                run.on_outcome(outcome)
        run.break_off("the station was started anew")
        return run

    @classmethod
    def over(cls, challenge: Challenge, result: str) -> ChallengeRun:
        """A challenge whose end was journaled by a station that died before it drew its conclusions."""
        run = cls(challenge, "", "")
        run._ended, run.told = cast(ChallengeResult, result), True
        run.challenge = challenge.model_copy(update={"accepted": int(result == "missed")})
        return run

    @property
    def result(self) -> ChallengeResult:
        """How it ended; '' while it goes on."""
        now = self.challenge
        if now.accepted:
            return "missed"
        if self._open or (now.triggered < now.balls and not self._ended):
            return ""
        if self._ended:
            return self._ended
        return "passed" if now.rejected == now.balls else "inconclusive"

    def begin(self, position: int | None, plc_boot_id: int | None) -> None:
        """The zone is empty: what is triggered from this belt position (endless count) on are its balls."""
        self._from, self._boot_id = position, plc_boot_id
        self._progress(waiting=False)

    def take(self, part_id: PartId, position: int | None) -> bool:
        """Whether a part that was triggered at a position is one of its balls."""
        now = self.challenge
        if now.waiting or self._ended or part_id.lane != now.lane or now.triggered >= now.balls:
            return False
        if position is not None and self._from is not None and position < self._from:
            return False
        self._take(part_id)
        return True

    def _take(self, part_id: PartId) -> None:
        self._open[part_id] = False
        self._progress(triggered=self.challenge.triggered + 1)

    def on_verdict(self, part_id: PartId, decision: str, codes: Sequence[str]) -> None:
        """The station's word on a part; parts that are none of its balls change nothing."""
        if part_id not in self._open:
            return
        if decision == "accept":
            self._close(part_id, "accepted", "the station accepted it")
        else:
            self._open[part_id] = is_expected(self.challenge.expected, codes)

    def on_outcome(self, outcome: OutcomeEntry) -> None:
        """What the PLC did with a part."""
        part_id = outcome.part_id
        expected = self._open.get(part_id)
        if expected is None:
            return
        if outcome.side in _SENT_ELSEWHERE or outcome.confirm == "accept_eye":
            self._close(part_id, "accepted", f"side {outcome.side}, seen by {outcome.confirm}")
        elif expected and outcome.cause == "verdict_reject" and outcome.confirm == "reject_eye":
            self._close(part_id, "rejected", "")
        else:
            why = outcome.cause if outcome.confirm == "reject_eye" else f"seen by {outcome.confirm}"
            self._close(part_id, "unproven", why if expected else f"{why}, not for {self.challenge.expected}")

    def on_epoch(self, plc_boot_id: int) -> None:
        """A new epoch: a trigger may have been missed; another PLC life knows nothing of the old balls."""
        if self.challenge.waiting:
            return
        self.break_off("the session with the PLC was broken off")
        if self._boot_id is not None and plc_boot_id != self._boot_id:
            for part_id in list(self._open):
                self._close(part_id, "unproven", "the PLC was restarted")

    def give_up(self, why: str) -> None:
        """Cancelled: balls in flight are waited for, and given up when that is asked for a second time."""
        if self._ended:
            for part_id in list(self._open):
                self._close(part_id, "unproven", why)
        self.break_off(why, "cancelled")

    def break_off(self, why: str, result: ChallengeResult = "inconclusive") -> None:
        """No more balls are taken; those in flight are waited for."""
        if not self._ended:
            self._ended = result
            self.detail.append(why)
            self._progress(balls=max(1, self.challenge.triggered))

    def _close(self, part_id: PartId, how: str, why: str) -> None:
        del self._open[part_id]
        self._progress(**{how: getattr(self.challenge, how) + 1})
        if why:
            self.detail.append(f"part {part_id} {how}: {why}")

    def _progress(self, **changes: int | bool) -> None:
        self.challenge = self.challenge.model_copy(update=changes)
