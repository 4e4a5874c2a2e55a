"""What the page tells the process that makes a report; light, as both load it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from edge_runtime.day_config import ChallengeConfig
from edge_runtime.reports.words import Language


class ReportJob(BaseModel):
    """What to make.

    Attributes:
        kind, name: shift by its number, or lot by its name.
        out: file to write; its ending chooses the form.
        excel: CSV as a spreadsheet opens it in the language.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["shift", "lot"]
    name: str
    language: Language
    out: Path
    storage: Path
    url: str
    utc_offset_hours: float | None
    challenge: ChallengeConfig | None
    excel: bool = False
