"""Epochs that do not rise are refused: a part's name must be its own for ever."""

from __future__ import annotations

import pytest

from edge_runtime.plc.epochs import EPOCH_MAX, RisingEpochs
from vision.errors import LinkError


def test_epochs_rise_from_the_books_on() -> None:
    epochs = RisingEpochs(7, "plc:502")
    assert [epochs.take(number) for number in (8, 9, 400)] == [8, 9, 400]
    for wrong in (400, 8, 1, 0xFFFFFFFF):
        with pytest.raises(LinkError, match=f"gave epoch {wrong}, and epochs up to 400"):
            epochs.take(wrong)
    assert epochs.take(EPOCH_MAX) == EPOCH_MAX


def test_a_plc_that_began_anew_is_refused() -> None:
    with pytest.raises(LinkError, match="gave epoch 1, and epochs up to 500"):
        RisingEpochs(500, "plc:502").take(1)
