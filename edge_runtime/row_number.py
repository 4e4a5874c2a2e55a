"""Numbers of rows as people type them: the ledger's numbers end at 2^63 - 1, what is typed does not.

Neighbours: the commands that take a number of a shift, an entry or a certificate.
"""

from __future__ import annotations

import argparse

ROW_MAX = (1 << 63) - 1
_DIGITS_MAX = len(str(ROW_MAX))


def as_row_number(text: str) -> int | None:
    """The number that a text of digits stands for; None where no row can have it."""
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > _DIGITS_MAX:
        return None
    value = int(text.lstrip("0") or "0")
    return value if value <= ROW_MAX else None


def row_number(text: str) -> int:
    """For argparse: the number of a row.

    Raises:
        ArgumentTypeError: it is none.
    """
    value = as_row_number(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not the number of a row (0 to {ROW_MAX})")
    return value
