"""What a report needs of the station file: the plant's clock, and when challenges are due.

The ledger alone (a storage folder carried home) tells neither; then times are those of this machine's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.config import StationConfig, load_station
from edge_runtime.day_config import ChallengeConfig


@dataclass(frozen=True, slots=True)
class Plant:
    """What is known of the plant.

    Attributes:
        utc_offset_hours: of its clock; None: this machine's.
        challenge: when challenges are due; None: never by themselves.
        known: a station file said so; without one nobody knows.
    """

    utc_offset_hours: float | None
    challenge: ChallengeConfig | None
    known: bool


def find_plant(place: Path) -> Plant:
    """Of a station file, or of a folder that has one; of a bare storage folder nothing is known.

    Raises:
        ConfigError: the station file cannot be read.
    """
    if place.is_dir():
        place = place / "station.yaml"
        if not place.is_file():
            return Plant(None, None, known=False)
    return of_station(load_station(place))


def of_station(config: StationConfig) -> Plant:
    """Of a station file that is read already."""
    offset = None if config.page is None else config.page.utc_offset_hours
    return Plant(offset, config.challenge, known=True)
