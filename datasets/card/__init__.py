"""The card of a data set: one self-contained HTML page with counts, sizes, terms, examples and the audit.

`write_card(folder, out, report)` writes it.
"""

from datasets.card.page import write_card

__all__ = ["write_card"]
