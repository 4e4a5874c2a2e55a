"""What a starting station knows of trigger numbers from its books."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownTriggers:
    """What earlier runs wrote down: per PLC boot and lane, the trigger number expected next."""

    next_seq: dict[int, dict[int, int]]

    def expected(self, plc_boot_id: int) -> dict[int, int] | None:
        """Numbers expected of this PLC life; None when there are no books at all yet."""
        return dict(self.next_seq.get(plc_boot_id, {})) if self.next_seq else None
