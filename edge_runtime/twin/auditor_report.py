"""What the auditor hands out: findings, one row per ball, totals; as JSON and as text.

Only data and its two printed forms. Neighbours: `auditor` fills it, the demo takes its
figures from it, tests compare its `kinds`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """`violation`: a ball is, or may be, in the accept chute without a fresh proof. `finding`: the rest."""

    VIOLATION = "violation"
    FINDING = "finding"


class Kind(StrEnum):
    """Every name the auditor has. The first block breaks the invariant."""

    ACCEPT_WITHOUT_TRIGGER = "accept_without_trigger"
    ACCEPT_SHARED_TRIGGER = "accept_shared_trigger"
    ACCEPT_ON_DUPLICATE_TRIGGER = "accept_on_duplicate_trigger"
    ACCEPT_ON_ODD_PULSE = "accept_on_odd_pulse"
    ACCEPT_ON_REJECT = "accept_on_reject"
    ACCEPT_WITHOUT_VERDICT = "accept_without_verdict"
    ACCEPT_ON_WRONG_IDENTITY = "accept_on_wrong_identity"
    ACCEPT_ON_STALE_EPOCH = "accept_on_stale_epoch"
    ACCEPT_ON_CONFLICT = "accept_on_conflict"
    ACCEPT_ON_LATE_VERDICT = "accept_on_late_verdict"
    ACCEPT_WITHOUT_PROOF = "accept_without_proof"
    ACCEPT_OF_LOST_VIEW = "accept_of_lost_view"
    ACCEPT_OF_BLIND_VIEWS = "accept_of_blind_views"
    ACCEPT_WITHOUT_HEARTBEAT = "accept_without_heartbeat"
    NEIGHBOUR_ACCEPTED = "neighbour_accepted"
    VERDICTS_SHIFTED = "verdicts_shifted"
    BALL_UNACCOUNTED = "ball_unaccounted"
    BELT_NOT_STOPPED = "belt_not_stopped"
    BYPASS_WITHOUT_KEY = "bypass_without_key"
    ACCEPTED_UNDER_KEY = "accepted_under_key"
    # Named, and on the safe side, or a person's own act.
    BYPASSED = "bypassed"
    ACCEPT_IN_TRANSIT = "accept_in_transit"
    PROVEN_BUT_REJECTED = "proven_but_rejected"
    EARLY_ACCEPT = "early_accept"
    IDENTITY_REFUSED = "identity_refused"
    CONFLICT_REFUSED = "conflict_refused"
    LATE_VERDICT = "late_verdict"
    STALE_EPOCH_VERDICTS = "stale_epoch_verdicts"
    UNKNOWN_PART_VERDICT = "unknown_part_verdict"
    LOST_VERDICT = "lost_verdict"
    GATE_DISOBEYED = "gate_disobeyed"
    WRONG_CHUTE = "wrong_chute"
    CONFIRM_WRONG = "confirm_wrong"
    BALL_UNTRIGGERED = "ball_untriggered"
    SHARED_TRIGGER = "shared_trigger"
    TRIGGER_WITHOUT_BALL = "trigger_without_ball"
    DUPLICATE_TRIGGER = "duplicate_trigger"
    PART_WITHOUT_OUTCOME = "part_without_outcome"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One named thing.

    Attributes:
        kind, severity: what, how grave.
        text: the evidence, for people.
        ball: number in the twin's truth, None when it is not about one ball.
        lane, epoch, trigger_seq: the part, None when it is not about one part.
        explained_by: fault of the twin's plan that is known to cause this, '' for none.
    """

    kind: Kind
    severity: Severity
    text: str
    ball: int | None = None
    lane: int | None = None
    epoch: int | None = None
    trigger_seq: int | None = None
    explained_by: str = ""


@dataclass(frozen=True, slots=True)
class BallAudit:
    """One ball of the twin, from the photo-eye to its chute.

    Attributes:
        ball, lane, label: from the truth.
        d_min_mm, d_max_mm: true smallest and largest width.
        defective: any label but good, or a width outside the band.
        hidden: defective by a defect of which no due view showed a pixel.
        epoch, trigger_seq: the part that this ball, and no other, caused; None for none.
        side, cause: the PLC's last word ('ACCEPT', 'REJECT', 'BYPASS'; `registers.Cause`), '' without a part.
        verdict, reason: of the verdict that the PLC held, 0 for none.
        verdict_ns: when that verdict was written into the PLC, monotonic; None for none.
        last_view_ns: when its last due view was handed over, monotonic; None without one.
        chute: 'accept', 'reject', or '' while it is on the belt.
        late: a verdict came past its deadline.
        neighbour: rejected for its distance to others, or for an odd pulse.
        faults: faults of the twin that may have touched it.
        bypassed: it is in the accept chute by key, without a proof; not accepted, and never "unproven".
        proven: a fresh proof stands behind it.
        violations: kinds of the violations that name this ball.
    """

    ball: int
    lane: int
    label: str
    d_min_mm: float
    d_max_mm: float
    defective: bool
    hidden: bool
    epoch: int | None
    trigger_seq: int | None
    side: str
    cause: str
    verdict: int
    reason: int
    verdict_ns: int | None
    last_view_ns: int | None
    chute: str
    late: bool
    neighbour: bool
    faults: tuple[str, ...]
    bypassed: bool
    proven: bool
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the balls.

    Attributes:
        balls: entered the line; `balls == accepted + bypassed + rejected + on_belt + unaccounted`.
        accepted, rejected: by the chute they truly fell into.
        bypassed: in the accept chute while the key held the gate open; in no other figure but `balls`.
        on_belt: still on the line at the end of the record.
        unaccounted: in no chute and not on the belt.
        untriggered: no photo-eye pulse of their own.
        unproven_accepts: in the accept chute without a fresh proof.
        wrong_chute: the chute differs from the side that the PLC reported.
        late: with a verdict past its deadline.
        defective: that belong into the reject chute.
        escapes, escapes_hidden: defective in the accept chute; of these, no view showed the defect.
        false_rejects: good, rejected, and neither a neighbour nor touched by a fault.
        neighbour_rejects: good, rejected for their distance to others or an odd pulse.
        fault_rejects: good, rejected, not a neighbour, but touched by a fault.
        triggers: parts the PLC counted; `triggers_without_ball` of them were no ball.
    """

    balls: int
    accepted: int
    bypassed: int
    rejected: int
    on_belt: int
    unaccounted: int
    untriggered: int
    unproven_accepts: int
    wrong_chute: int
    late: int
    defective: int
    escapes: int
    escapes_hidden: int
    false_rejects: int
    neighbour_rejects: int
    fault_rejects: int
    triggers: int
    triggers_without_ball: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that the auditor found."""

    totals: Totals
    findings: tuple[AuditFinding, ...]
    balls: tuple[BallAudit, ...]

    @property
    def violations(self) -> tuple[AuditFinding, ...]:
        """What breaks the invariant."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.VIOLATION)

    @property
    def invariant_kept(self) -> bool:
        """No ball ended in the accept chute without a fresh proof, and none is unaccounted for."""
        return not self.violations

    @property
    def kinds(self) -> Counter[str]:
        """How often each kind was found."""
        return Counter(finding.kind.value for finding in self.findings)

    def of(self, kind: Kind) -> tuple[AuditFinding, ...]:
        """All findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind is kind)

    def to_json(self, *, balls: bool = True) -> dict[str, Any]:
        """Plain values; `balls` False leaves the rows of single balls out."""
        data: dict[str, Any] = {
            "invariant_kept": self.invariant_kept,
            "totals": dataclasses.asdict(self.totals),
            "kinds": dict(sorted(self.kinds.items())),
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }
        if balls:
            data["balls"] = [dataclasses.asdict(row) for row in self.balls]
        return data

    def text(self, examples: int = 3) -> str:
        """For a reader: verdict on the run, totals, each kind with its first examples."""
        totals = self.totals
        lines = [
            "No ball is in the accept chute without a fresh proof."
            if self.invariant_kept
            else f"The invariant is BROKEN: {len(self.violations)} violation(s).",
            f"{totals.balls} balls: {totals.accepted} accepted, {totals.bypassed} bypassed by key, "
            f"{totals.rejected} rejected, "
            f"{totals.on_belt} on the belt, {totals.unaccounted} unaccounted; "
            f"{totals.triggers} triggers, {totals.triggers_without_ball} of them no ball.",
            f"unproven accepts {totals.unproven_accepts}, wrong chute {totals.wrong_chute}, "
            f"late {totals.late}; "
            f"{totals.defective} defective, {totals.escapes} escaped ({totals.escapes_hidden} hidden).",
            f"good balls rejected: {totals.false_rejects} falsely, {totals.neighbour_rejects} as neighbours, "
            f"{totals.fault_rejects} through faults.",
        ]
        for severity in Severity:
            lines += self._section(severity, examples)
        return "\n".join(lines)

    def _section(self, severity: Severity, examples: int) -> list[str]:
        lines = []
        groups: dict[Kind, list[AuditFinding]] = {}
        for finding in self.findings:
            if finding.severity is severity:
                groups.setdefault(finding.kind, []).append(finding)
        for kind, group in groups.items():
            lines.append(f"{severity.value} {kind.value}: {len(group)}")
            for finding in group[:examples]:
                cause = f" [{finding.explained_by}]" if finding.explained_by else ""
                lines.append(f"    {finding.text}{cause}")
            if len(group) > examples:
                lines.append(f"    and {len(group) - examples} more")
        return lines
