"""Running counts of the parts, kept in the same transaction as the parts themselves.

They make the page's figures and its books light cheap on a ledger of any size. They are never the source
of a figure that somebody signs: the full balance counts the rows, and an unlike running count is a
problem in it. Keys have '' and 0 where the part's column is null, so that they can be compared.
Neighbours: `tallies` keeps them, `live_books` and `day_counts` read them.
"""

from __future__ import annotations

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from edge_runtime.ledger.models import Base, RowNumber


class BookTallyRow(Base):
    """How many parts of one epoch and lane stand in the books alike, and the sums of their views."""

    __tablename__ = "book_tally"
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lane: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decision: Mapped[str] = mapped_column(String(16), primary_key=True)
    null_cause: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(String(16), primary_key=True)
    cause: Mapped[str] = mapped_column(String(32), primary_key=True)
    confirm: Mapped[str] = mapped_column(String(16), primary_key=True)
    plc_verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    is_gap: Mapped[bool] = mapped_column(primary_key=True)
    parts: Mapped[int]
    views_due: Mapped[int]
    views_got: Mapped[int]
    views_lost: Mapped[int]


class DayTallyRow(Base):
    """How many parts of one shift and lot went one way for one reason.

    Attributes:
        shift_id: 0 for no shift that was opened by an act. lot: '' for none.
        side: '' while no outcome is known. refused: the verdict is not accept; of a bypassed
            part: something was found on the ball.
        challenge: challenge balls. contained: put in doubt by a missed challenge.
        reason: gravest one of a part that the gate rejected, '' otherwise.
    """

    __tablename__ = "day_tally"
    __table_args__ = (Index(None, "lot"),)
    shift_id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    lot: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(String(16), primary_key=True)
    refused: Mapped[bool] = mapped_column(primary_key=True)
    challenge: Mapped[bool] = mapped_column(primary_key=True)
    contained: Mapped[bool] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    parts: Mapped[int]
