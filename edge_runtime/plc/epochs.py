"""Epochs of the PLC rise: what keeps a part's name from being that of another one in the books."""

from __future__ import annotations

from vision.errors import LinkError

#: no plant gets there; beyond lies memory that somebody filled with ones
EPOCH_MAX = (1 << 31) - 1


class RisingEpochs:
    """Takes one epoch after another.

    Args:
        floor: highest one in the books.
        where: the PLC's address, for messages.
    """

    def __init__(self, floor: int, where: str) -> None:
        self._highest = floor
        self._where = where

    def take(self, epoch: int) -> int:
        """A new epoch, as it is.

        Raises:
            LinkError: it is not above all before it, or above `EPOCH_MAX`.
        """
        if self._highest < epoch <= EPOCH_MAX:
            self._highest = epoch
            return epoch
        raise LinkError(
            f"the PLC gave epoch {epoch}, and epochs up to {self._highest} were in use",
            where=f"{self._where}, epoch",
            todo="its program has to keep the epoch over a power loss and go on at max(epoch, epoch_floor) "
            "+ 1: see docs/plc_registers.md; a new session is tried",
        )
