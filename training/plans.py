"""What is trained on what by default: the stages of the rail and the ball detector.

Rail: first real photographs of damaged steel (labels of their own), then the plant's
frames and pictures composed of them. Ball: renders alone, so that no set's terms bind its weights; most
of the way at 160 px, where marks are larger, then at the 128 px that two cores keep up with.
"""

from __future__ import annotations

from datasets.training_run import Faintest, SourceSettings, StageSettings, Station, TrainSettings
from vision.contract import LevelSpec, RailSpec

STEEL = StageSettings(
    name="steel",
    kind="steel",
    sources=(SourceSettings(folder="steel", share=1.0),),
    epochs=12,
    samples_per_epoch=2048,
    focus_share=0.7,
    zoom=(0.6, 1.6),
)

RAIL = StageSettings(
    name="rail",
    kind="rail",
    sources=(SourceSettings(folder="frames", share=0.6), SourceSettings(folder="composed", share=0.4)),
    epochs=32,
    samples_per_epoch=1440,
    focus_share=0.6,
    label_shares={"defect": 0.5, "dirt": 0.3, "gap": 0.2},
    zoom=(0.75, 1.3),
    stretch=(0.7, 1.4),
)

_BALL_PX, _BALL_FINE_PX = 128, 160
_OTHERS = ("seam", "flat", "neck", "mismatch", "scale_pit", "half", "double")
BALL_FINE = StageSettings(
    name="ball_160px",
    kind="ball",
    sources=(SourceSettings(folder="train", share=1.0),),
    epochs=75,
    input_px=_BALL_FINE_PX,
    samples_per_epoch=2400,
    warmup_epochs=2.0,
    focus_share=0.35,
    label_shares={"crack": 0.35, "lap": 0.2, "spall": 0.15} | dict.fromkeys(_OTHERS, 0.043),
    mask_gain=1.0,
    plain_share=0.3,
    faintest=Faintest(contrast_grey=8.0, contrast_over_noise=2.5, visible_px=35.0),
    zoom=(0.92, 1.08),
)
BALL = BALL_FINE.model_copy(update={"name": "ball", "epochs": 11, "input_px": None})


def default_settings(
    station: Station, *, epochs: int | None = None, pretrain_epochs: int | None = None
) -> TrainSettings:
    """The stages and sizes that the shipped models were trained with.

    Args:
        station: whose detector.
        epochs: of the last stage; None: the plan's.
        pretrain_epochs: of the stage before it (rail: steel; ball: its own crops at 160 px); 0 leaves it
            out; None: the plan's.
    """
    if station == "steel":
        stage = STEEL if epochs is None else STEEL.model_copy(update={"epochs": epochs})
        return TrainSettings(input_px=224, stages=(stage,))
    first, last = (STEEL, RAIL) if station == "rail" else (BALL_FINE, BALL)
    if epochs is not None:
        last = last.model_copy(update={"epochs": epochs})
    before = first.epochs if pretrain_epochs is None else pretrain_epochs
    stages = (first.model_copy(update={"epochs": before}), last) if before else (last,)
    if station == "rail":
        return TrainSettings(input_px=224, stages=stages, rail=RailSpec())
    return TrainSettings(input_px=_BALL_PX, stages=stages, level=LevelSpec())
