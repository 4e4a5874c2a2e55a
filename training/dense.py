"""Every cell of the feature map is told what lies in it: a second teacher beside boxes, from masks.

A detector from scratch first has to guess boxes before it is told which of its guesses were good; that takes
more pictures than two cores can show it. Renders come with exact masks, so the finest feature map also learns
to say, cell by cell, which defect it shows. The layer that says so is for training only and never leaves it.
Neighbours: `training.tiles` cuts the masks with the pictures, `training.engine` trains with this network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from ultralytics.nn.tasks import DetectionModel

from vision.types import UInt8Array

#: Pixels of a sample per cell of the target.
CELL_PX = 4
#: Names of the arrays that are for training only begin so.
DENSE_PREFIX = "dense."
#: Focal loss (Lin et al. 2017): exponent, and the weight of what is there against what is not.
_FOCUS, _THERE = 2.0, 0.75


def cells(marks: UInt8Array) -> UInt8Array:
    """What each cell shows: (S, S) uint8 of 0 for nothing or class + 1, to (S / CELL_PX, S / CELL_PX).

    A thin crack fills little of a cell: what is anywhere in it counts.
    """
    side = marks.shape[0] // CELL_PX
    blocks = marks[: side * CELL_PX, : side * CELL_PX].reshape(side, CELL_PX, side, CELL_PX)
    return np.ascontiguousarray(blocks.max(axis=(1, 3)))


class DenseDetectionModel(DetectionModel):  # type: ignore[misc]  # torch is not there to be looked into
    """The engine's detection network with one layer more on its finest feature map."""

    gain: float = 1.0

    def __init__(self, cfg: Any, ch: int = 3, nc: int | None = None, verbose: bool = True) -> None:
        super().__init__(cfg, ch=ch, nc=nc, verbose=verbose)
        self.labels = int(self.model[-1].nc)
        # The finest map has 8 px a cell: four targets in each.
        width = int(self.model[-1].cv3[0][0][0].conv.in_channels)
        self.dense = nn.Sequential(nn.Conv2d(width, 4 * self.labels, 1), nn.PixelShuffle(2))
        nn.init.constant_(self.dense[0].bias, -4.6)  # a cell in a hundred shows something

    def loss(self, batch: dict[str, Any], preds: Any = None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The engine's loss, with that of the cells added where the batch has targets for them."""
        preds = self.forward(batch["img"]) if preds is None else preds
        total, items = super().loss(batch, preds)
        if "cells" not in batch or not self.gain:
            return total, items
        finest = preds["one2many"]["feats"][0]
        extra = self.gain * cell_loss(self.dense(finest), batch["cells"])
        # The engine's losses are sums over the batch, one number a kind.
        total = total + extra * len(batch["img"]) / max(total.numel(), 1)
        return total, {**items, "cell_loss": extra.detach()}


def cell_loss(said: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Focal loss over cells, divided by how many show something.

    Args:
        said: (B, C, h, w) logits.
        shown: (B, h, w) integers, 0 for nothing or class + 1; 255 where nobody knows.
    """
    known = (shown != 255)[:, None]
    wanted = nn.functional.one_hot(torch.where(shown == 255, 0, shown).long(), said.shape[1] + 1)
    wanted = wanted[..., 1:].permute(0, 3, 1, 2).to(said.dtype)
    plain = nn.functional.binary_cross_entropy_with_logits(said, wanted, reduction="none")
    right = torch.sigmoid(said)
    right = right * wanted + (1.0 - right) * (1.0 - wanted)
    weight = _THERE * wanted + (1.0 - _THERE) * (1.0 - wanted)
    focal = weight * (1.0 - right) ** _FOCUS * plain * known
    return focal.sum() / wanted.sum().clamp(min=16.0)
