"""The bank of rendered balls: light enough for an edge box (numpy, OpenCV, json).

One folder: `bank.json` (what was rendered, with which settings and seed) and one
WebP sheet per ball: all its views side by side in rows, grey in the three colour
channels and the silhouette in alpha. `datasets/synthetic/render_bank.py` writes it;
the twin line cuts balls out of it and scales them to each ball's true diameter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from vision.errors import ConfigError

BANK_DIR = Path(__file__).parent / "data" / "ball_bank"

UInt8Array = npt.NDArray[np.uint8]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FormTruth(_Strict):
    """Form of one silhouette, from the mesh; shares of the nominal diameter.

    `feret_*`: smallest, largest and mean caliper width; `ls`: least-squares circle; `ront`:
    roundness about the minimum zone, Gaussian filter 1-50 UPR.
    """

    feret_min_share: float = Field(gt=0.0)
    feret_max_share: float = Field(gt=0.0)
    feret_mean_share: float = Field(gt=0.0)
    ls_share: float = Field(gt=0.0)
    ront_share: float = Field(ge=0.0)


class ViewTruth(_Strict):
    """Truth of one rendered view.

    `defect_px`: visible pixels that belong to the defect; `xyxy_px`: their box in the
    view's tile (None when no pixel is visible); `silhouette_xyxy_px`: box of the ball;
    `form`: None where nobody computed it, and for half balls and doubles.
    """

    camera: str
    roll_deg: float
    defect_px: Annotated[int, Field(ge=0)]
    xyxy_px: tuple[float, float, float, float] | None
    silhouette_xyxy_px: tuple[float, float, float, float]
    form: FormTruth | None = None


class BallTruth(_Strict):
    """Truth of one ball of the bank; diameters are shares of the nominal diameter."""

    ball: str
    label: str = Field(description="'good', 'oval' or one of the ball labels")
    sheet: str
    tile_px: Annotated[int, Field(ge=16)]
    columns: Annotated[int, Field(ge=1)]
    nominal_px: float = Field(gt=0.0, description="nominal diameter in pixels of the tile")
    d_min_share: float = Field(gt=0.0)
    d_max_share: float = Field(gt=0.0)
    views: tuple[ViewTruth, ...]


class BankIndex(_Strict):
    """`bank.json`."""

    version: int = 1
    seed: int
    command: str
    settings: dict[str, object] = {}
    balls: tuple[BallTruth, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class BankView:
    """One view cut out of a sheet.

    `grey`, `alpha`: (tile_px, tile_px) uint8; `alpha` is 255 on the ball, soft at its edge.
    """

    truth: ViewTruth
    grey: UInt8Array
    alpha: UInt8Array


class BallBank:
    """Opened bank; sheets are read on demand and kept in memory as they are (compressed on disk).

    Raises:
        ConfigError: no bank in the folder, or one that cannot be read.
    """

    def __init__(self, folder: Path = BANK_DIR) -> None:
        self.folder = folder
        path = folder / "bank.json"
        todo = "reinstall ferrogate, or rebuild the bank with 'ferrogate data bank'"
        try:
            self.index = BankIndex.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"the ball bank cannot be read: {error}", where=str(path), todo=todo) from error

    def views(self, ball: BallTruth) -> tuple[BankView, ...]:
        """All views of one ball, in the order of `ball.views`."""
        path = self.folder / ball.sheet
        sheet = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if sheet is None or sheet.ndim != 3 or sheet.shape[2] != 4:
            raise ConfigError(
                "a sheet of the ball bank cannot be read",
                where=str(path),
                todo="reinstall ferrogate, or rebuild the bank with 'ferrogate data bank'",
            )
        cut = []
        for index, truth in enumerate(ball.views):
            row, column = divmod(index, ball.columns)
            y, x = row * ball.tile_px, column * ball.tile_px
            tile = sheet[y : y + ball.tile_px, x : x + ball.tile_px]
            cut.append(
                BankView(truth, np.ascontiguousarray(tile[..., 0]), np.ascontiguousarray(tile[..., 3]))
            )
        return tuple(cut)
