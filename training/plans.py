"""What is trained on what by default: the stages of the rail and the ball detector.

Rail: first real photographs of damaged steel (labels of their own), then the plant's
frames and pictures composed of them. Ball: first the same steel, then renders.
"""

from __future__ import annotations

from datasets.training_run import SourceSettings, StageSettings, Station, TrainSettings
from vision.contract import RailSpec

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

BALL = StageSettings(
    name="ball",
    kind="ball",
    sources=(SourceSettings(folder="train", share=1.0),),
    epochs=30,
    samples_per_epoch=2400,
    focus_share=0.0,
    zoom=(0.92, 1.08),
)


def default_settings(
    station: Station, *, epochs: int | None = None, pretrain_epochs: int | None = None
) -> TrainSettings:
    """The stages and sizes that the shipped models were trained with.

    Args:
        station: whose detector.
        epochs: of the last stage; None: the plan's.
        pretrain_epochs: of the steel stage; 0 leaves it out; None: the plan's.
    """
    if station == "steel":
        stage = STEEL if epochs is None else STEEL.model_copy(update={"epochs": epochs})
        return TrainSettings(input_px=224, stages=(stage,))
    last = RAIL if station == "rail" else BALL
    if epochs is not None:
        last = last.model_copy(update={"epochs": epochs})
    first = STEEL if pretrain_epochs is None else STEEL.model_copy(update={"epochs": pretrain_epochs})
    stages = (last,) if pretrain_epochs == 0 else (first, last)
    if station == "rail":
        return TrainSettings(input_px=224, stages=stages, rail=RailSpec())
    return TrainSettings(input_px=160, stages=stages)
