"""Whether a licence text states terms: one rule for audit, card, training and export.

A model that saw pictures of no stated terms is for evaluation only.
"""

from __future__ import annotations

from collections.abc import Iterable

from datasets.records import SampleRecord

#: Words by which sources here say that there are no terms for the pictures.
_NO_TERMS = ("none stated", "not stated", "no terms", "no data terms", "no stated", "unknown")


def states_terms(licence: str) -> bool:
    """Whether a licence text names terms for the pictures; "" and "none stated" do not."""
    text = " ".join(licence.lower().split())
    return text not in ("", "none") and not any(words in text for words in _NO_TERMS)


def sources_without_terms(samples: Iterable[SampleRecord]) -> list[str]:
    """Sources of which some picture states no licence, in order of name."""
    return sorted({sample.source for sample in samples if not states_terms(sample.licence)})
