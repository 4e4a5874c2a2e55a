"""What the core needs of its neighbours, and where its words go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.entries import Entry
from edge_runtime.parts import DueView, Part, Region, Untriggered
from edge_runtime.plc.records import TriggerRecord, VerdictRecord
from edge_runtime.plc.registers import StationState
from vision.types import Frame, FrameFault, PartId, Verdict, View


class Link(Protocol):
    """What the core needs of the PLC link.

    `encoder_count`: the newest belt position (0..65535), ahead of what waits in the inbox.
    """

    encoder_count: int | None

    def send_verdict(self, record: VerdictRecord) -> None:
        """Hand over a verdict; never waits."""

    def beat(self) -> None:
        """The loop has made progress."""

    def set_state(self, state: StationState) -> None:
        """Ready or not."""

    def ack_epoch(self, epoch: int) -> None:
        """The core works in this epoch now."""

    def ack_outcomes(self, plc_boot_id: int, tail: int) -> None:
        """Outcomes up to here are on disk."""

    def request_stop(self) -> None:
        """Ask for the belt to be latched."""

    def withdraw_stop(self) -> None:
        """It is latched: the request need not stand any longer."""


class Tracker(Protocol):
    """What the core needs of a part tracker."""

    parts: dict[PartId, Part]
    now: int | None
    out_of_order: int

    def diameter_px(self, camera: str) -> float | None:
        """Nominal diameter in a camera's pixels, None when unknown."""

    def clear(self) -> list[Part]:
        """Forget all in flight; the parts without a verdict."""

    def position(self, count: int) -> int:
        """Endless position of a count near the belt's, without moving the belt there."""

    def on_encoder(self, count: int) -> None:
        """The belt is here."""

    def on_trigger(
        self, trigger: TriggerRecord
    ) -> tuple[Part, list[tuple[DueView, View, FrameFault | None]]]:
        """A new part, and views of it that are here already."""

    def on_frame(
        self, frame: Frame, background_level: float | None, fault: FrameFault | None = None
    ) -> list[tuple[Part, DueView, View]]:
        """Views of the parts due in this frame."""

    def strays(self, frame: Frame, regions: Iterable[Region]) -> list[Untriggered]:
        """Regions that no part claims."""

    def near_untriggered(self, part: Part) -> bool:
        """A stray ball lies too near."""

    def lose_pending(self, part: Part, cause: str) -> None:
        """Give up what has not come."""

    def in_zone(self, lane: int | None = None) -> int:
        """Parts between photo-eye and gate, all or those of one lane."""

    def forget_before(self, behind_gate_counts: int) -> None:
        """Drop what has passed."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the core's words go.

    `journal` appends an entry and returns its number (None: dropped, and counted); `durable` tells how
    many entries are on disk; `pictures` takes the views of a part that are worth keeping and returns
    how many did not fit.
    """

    link: Link
    journal: Callable[[Entry], int | None]
    durable: Callable[[], int]
    pictures: Callable[[Part, Verdict, list[View]], int]
