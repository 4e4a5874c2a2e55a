"""The invariant, ball by ball: is there a fresh proof behind a ball in the accept chute?

A fresh proof is an ACCEPT of the epoch in force, for the lane and the number of the
part that this ball and no other caused, with the right echo, written after every due
view had been handed over and before the gate decision, none of these views lost or
blind, and the station's heartbeat alive as the ball passed. Neighbours: `auditor`
collects, `auditor_join` ties balls to parts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from edge_runtime.encoder import wrap
from edge_runtime.twin.auditor_join import Join
from edge_runtime.twin.auditor_plc import LoggedVerdict, PlcPart
from edge_runtime.twin.auditor_report import Kind
from edge_runtime.twin.auditor_truth import DueView, TruthBall, TruthView, due_views
from edge_runtime.twin.settings import LineSettings
from vision.types import Decision

#: a withdrawal of the gate that comes later than this before the ball cannot turn the flap any more
TRANSIT_SCANS = 2
#: spacings are compared with this much grace for the rounding of counts
SPACING_GRACE_COUNTS = 4
ACCEPT_CHUTE, REJECT_CHUTE = "accept", "reject"

#: kinds that leave the proof of the ball as whole as it was
NO_BREACH = frozenset({Kind.ACCEPT_IN_TRANSIT, Kind.PROVEN_BUT_REJECTED, Kind.BYPASSED})

Named = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Views:
    """The due views of one part: `got` of them in the truth, `missing` ones were never exposed."""

    got: tuple[TruthView, ...]
    missing: tuple[DueView, ...]

    @property
    def last_ns(self) -> int | None:
        """When the last of them was handed over."""
        return max((view.delivered_ns for view in self.got if view.delivered_ns is not None), default=None)

    @property
    def healthy(self) -> bool:
        """Every due view came, and is worth something."""
        return bool(self.got) and not self.missing and not any(view.lost or view.blind for view in self.got)


def views_of(ball: TruthBall, part: PlcPart, settings: LineSettings) -> Views:
    """What became of the views that geometry promised for a part."""
    seen = {(view.camera, view.count): view for view in ball.views}
    due = due_views(part.centre, ball, settings)
    got = tuple(seen[view.camera, view.count] for view in due if (view.camera, view.count) in seen)
    missing = tuple(view for view in due if view.certain and (view.camera, view.count) not in seen)
    return Views(got, missing)


class KeyCheck:
    """Looks whether a ball passed by key, and whether the PLC tells the truth about it."""

    def __init__(self, joined: Join, settings: LineSettings) -> None:
        self._key = joined.truth.key
        self._settings = settings

    def check(self, ball: TruthBall, part: PlcPart | None) -> tuple[bool, list[Named]]:
        """Whether it is bypassed (then it needs no proof), and everything to be named.

        A ball of which the PLC says that it was accepted needs its proof, whatever the key.
        """
        said = part.outcome.side if part is not None and part.outcome is not None else ""
        held = self._key.held_at(ball.placed_ns, self._settings)
        found = list(self._claims(ball, part, said, held)) if part is not None else []
        bypassed = held and ball.chute == ACCEPT_CHUTE and said != "ACCEPT"
        if bypassed:
            found.append((Kind.BYPASSED, f"{_who(ball)} passed by key, without a proof"))
        return bypassed, found

    def _claims(self, ball: TruthBall, part: PlcPart, said: str, held: bool) -> Iterator[Named]:
        if said == "ACCEPT" and self._key.settled_at(ball.placed_ns):
            yield Kind.ACCEPTED_UNDER_KEY, f"{_who(ball)} was counted as accepted with the key off AUTO"
        if not part.under_key or held:
            return
        if ball.placed_count is not None and self._key.turned_under(ball.placed_count, self._settings):
            return
        decided_ns = part.decision.t_ns if part.decision is not None else None
        if said != "BYPASS" and self._key.held_at(decided_ns, self._settings):
            # It was to pass by key, which was turned back before it came to the gate.
            return
        yield (
            Kind.BYPASS_WITHOUT_KEY,
            f"{_who(ball)}: the PLC says {part.cause}, and nobody had turned the key",
        )


class ProofCheck:
    """Looks for what is missing in the proof of a ball in the accept chute."""

    def __init__(self, joined: Join, settings: LineSettings) -> None:
        self._join = joined
        self._settings = settings
        self._places: dict[int, list[tuple[float, str]]] = {}
        for ball in joined.truth.balls.values():
            self._places.setdefault(ball.lane, []).append((joined.place(ball), _name(ball)))
        for part in joined.parts_without_ball():
            place = (float(part.centre), f"part {part.key.trigger_seq}, which is no ball")
            self._places.setdefault(part.key.lane, []).append(place)
        for places in self._places.values():
            places.sort()

    def check(self, ball: TruthBall) -> list[Named]:
        """Everything that is to be named; without a kind outside `NO_BREACH` the ball is proven."""
        parts = self._join.parts_of[ball.ball]
        found = list(self._neighbours(ball))
        if not parts:
            return [(Kind.ACCEPT_WITHOUT_TRIGGER, f"{_who(ball)} caused no part"), *found]
        part = self._join.own_part(ball)
        if part is None:
            found.insert(0, self._not_its_own(ball, parts))
            return found
        return [*self._part(ball, part), *found]

    def _not_its_own(self, ball: TruthBall, parts: list[PlcPart]) -> Named:
        if len(parts) > 1:
            numbers = ", ".join(str(part.key.trigger_seq) for part in parts)
            return Kind.ACCEPT_ON_DUPLICATE_TRIGGER, f"{_who(ball)} caused parts {numbers}"
        others = [str(number) for number in self._join.balls_of[parts[0].key] if number != ball.ball]
        return (
            Kind.ACCEPT_SHARED_TRIGGER,
            f"{_who(ball)} shares part {parts[0].key.trigger_seq} with ball {', '.join(others)}",
        )

    def _neighbours(self, ball: TruthBall) -> Iterator[Named]:
        """No other ball of its lane, and no part without one, may be nearer than the gate can tell apart."""
        limit = self._settings.min_spacing_counts - SPACING_GRACE_COUNTS
        here = self._join.place(ball)
        places = self._places.get(ball.lane, [])
        index = bisect_left(places, (here - limit + 1e-6, ""))
        while index < len(places) and places[index][0] < here + limit:
            place, name = places[index]
            index += 1
            if name != _name(ball):
                yield Kind.NEIGHBOUR_ACCEPTED, f"{_who(ball)} lies {abs(place - here):.0f} counts from {name}"

    def _part(self, ball: TruthBall, part: PlcPart) -> Iterator[Named]:
        who = f"{_who(ball)}, part {part.epoch}-{part.key.lane}-{part.key.trigger_seq}:"
        if not self._settings.pulse_min_counts <= part.pulse <= self._settings.pulse_max_counts:
            yield Kind.ACCEPT_ON_ODD_PULSE, f"{who} it had an eye pulse of {part.pulse} counts"
        if part.decision is None:
            yield Kind.ACCEPT_ON_REJECT, f"{who} it passed the gate before there was a decision"
            return
        if part.decision.side != "ACCEPT":
            text = f"{who} it was to be rejected ({part.decision.cause})"
            if part.decision.cause != "TOO_CLOSE":
                yield Kind.ACCEPT_ON_REJECT, text
                return
            # Rejected for its neighbour's sake: what counts is whether its own proof is whole.
            yield Kind.PROVEN_BUT_REJECTED, f"{text} for what lies near it"
        yield from self._dropped(ball, part, who)
        accepts = [verdict for verdict in part.verdicts if verdict.verdict == Decision.ACCEPT]
        if not accepts:
            yield Kind.ACCEPT_WITHOUT_VERDICT, f"{who} it has no ACCEPT in the PLC's log"
            return
        yield from self._verdict(part, accepts, who)
        yield from self._seen(ball, part, accepts, who)
        for t_ns, when in (
            (part.decision.t_ns, "at its decision"),
            (ball.placed_ns, "as it passed the gate"),
        ):
            if t_ns is not None and self._join.log.silent_at(t_ns):
                yield Kind.ACCEPT_WITHOUT_HEARTBEAT, f"{who} the heartbeat was lost {when}"

    def _dropped(self, ball: TruthBall, part: PlcPart, who: str) -> Iterator[Named]:
        if part.drop is None or ball.placed_ns is None or part.drop.t_ns >= ball.placed_ns:
            return
        settings = self._settings
        lead_ms = settings.valve_lead_ms + TRANSIT_SCANS * settings.plc_scan_ms
        before_ms = (ball.placed_ns - part.drop.t_ns) / 1e6
        text = f"{who} it was withdrawn ({part.drop.cause}) {before_ms:.0f} ms before it passed"
        if before_ms <= lead_ms:
            yield Kind.ACCEPT_IN_TRANSIT, f"{text}, too late for the flap"
        else:
            yield Kind.ACCEPT_ON_REJECT, text

    def _verdict(self, part: PlcPart, accepts: list[LoggedVerdict], who: str) -> Iterator[Named]:
        assert part.decision is not None
        decided_ns = part.decision.t_ns
        in_force = self._join.log.epoch_at(decided_ns)
        if part.epoch != in_force:
            yield Kind.ACCEPT_ON_STALE_EPOCH, f"{who} it was triggered in another epoch than {in_force}"
        if all(verdict.epoch != in_force for verdict in accepts):
            yield (
                Kind.ACCEPT_ON_STALE_EPOCH,
                f"{who} it has an ACCEPT of epoch {accepts[0].epoch}, not {in_force}",
            )
        if all(verdict.echo != wrap(part.rising) for verdict in accepts):
            yield Kind.ACCEPT_ON_WRONG_IDENTITY, f"{who} it has an ACCEPT with echo {accepts[0].echo}"
        if min(verdict.written_ns for verdict in accepts) > decided_ns:
            late_ms = (accepts[0].written_ns - decided_ns) / 1e6
            yield Kind.ACCEPT_ON_LATE_VERDICT, f"{who} it got its ACCEPT {late_ms:.0f} ms behind the decision"
        for verdict in part.verdicts:
            if verdict.verdict != Decision.ACCEPT and verdict.taken_ns < decided_ns:
                yield Kind.ACCEPT_ON_CONFLICT, f"{who} it was also given verdict {verdict.verdict}"
                return

    def _seen(
        self, ball: TruthBall, part: PlcPart, accepts: list[LoggedVerdict], who: str
    ) -> Iterator[Named]:
        views = views_of(ball, part, self._settings)
        if not views.got:
            yield Kind.ACCEPT_OF_LOST_VIEW, f"{who} it was never wholly seen"
        if views.missing:
            first = views.missing[0]
            yield (
                Kind.ACCEPT_OF_LOST_VIEW,
                f"{who} camera '{first.camera}' never exposed at count {first.count}",
            )
        for view in views.got:
            where = f"frame {view.frame} of camera '{view.camera}'"
            if view.lost:
                yield Kind.ACCEPT_OF_LOST_VIEW, f"{who} {where} never arrived ({view.fault or 'lost'})"
            elif view.blind:
                yield Kind.ACCEPT_OF_BLIND_VIEWS, f"{who} {where} proves nothing ({view.fault})"
        last = max(accepts, key=lambda verdict: verdict.written_ns)
        behind = [view for view in views.got if not view.lost and precedes(last, view)]
        if behind:
            yield (
                Kind.ACCEPT_WITHOUT_PROOF,
                f"{who} it was accepted before {len(behind)} of {len(views.got)} due views were handed over",
            )


def precedes(verdict: LoggedVerdict, view: TruthView) -> bool:
    """Whether the verdict was in the PLC before the view was in the station.

    By the clock, which both logs share; the encoder that the PLC reads may lag.
    """
    return view.delivered_ns is not None and verdict.written_ns < view.delivered_ns


def _name(ball: TruthBall) -> str:
    return f"ball {ball.ball}"


def _who(ball: TruthBall) -> str:
    return f"{_name(ball)} ({ball.label})"
