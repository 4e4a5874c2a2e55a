"""What a station process is made of at its start: model, boot, and what the books already know."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from edge_runtime.config import DetectorConfig, StationConfig, StorageConfig
from edge_runtime.entries import SessionEntry
from edge_runtime.journal import LastKnown, last_known
from edge_runtime.models import read_model
from edge_runtime.station.gauges import Gauges
from edge_runtime.station.known import KnownTriggers
from vision.detector import Detector
from vision.recipe import BallRecipe


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A detector with the hash of the file that it came from."""

    detector: Detector
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """All that a session entry says."""

    config: StationConfig
    recipe: BallRecipe
    model: OpenedModel
    gauges: Gauges
    boot_id: str


@dataclass(frozen=True, slots=True)
class BooksSoFar:
    """Highest epoch in the journal, the trigger numbers that come next, and all else that it knows."""

    epoch: int
    known: KnownTriggers
    last: LastKnown


def machine_boot_id() -> str:
    """The kernel's boot id: monotonic times are comparable within one of these."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def lanes_of(config: StationConfig) -> frozenset[int]:
    """Numbers of the station's lanes; a bench without a line has lane 0."""
    return frozenset({0} if config.line is None else {lane.lane for lane in config.line.lanes})


def forget_after_counts(config: StationConfig) -> int:
    """Belt travel behind a gate after which a ball's fate is known: twice the way to the confirm eyes."""
    lanes = () if config.line is None else config.line.lanes
    return 2 * max((lane.gate_to_confirm_counts for lane in lanes), default=1) if lanes else 1


def open_detector(config: DetectorConfig) -> OpenedModel:
    """Load the model file and build its detector.

    Raises:
        ConfigError, ContractError, ProviderError: see `read_model` and `Detector`.
    """
    model = read_model(config.model)
    detector = Detector(
        model.data,
        model.name,
        station="ball",
        provider=config.provider,
        allow_fallback=config.allow_fallback,
        threads=config.threads,
    )
    return OpenedModel(detector, model.sha256, model.path)


def journal_folder(storage: StorageConfig) -> Path:
    """Where the station's journal lies."""
    return storage.folder / "journal"


def books_so_far(storage: StorageConfig) -> BooksSoFar:
    """Read the journal of earlier runs: which epoch was the last, which trigger numbers were seen."""
    known = last_known(journal_folder(storage))
    next_seq: dict[int, dict[int, int]] = {boot: {} for boot in known.plc_boot_ids.values()}
    for (boot, lane), last in known.last_seqs.items():
        next_seq.setdefault(boot, {})[lane] = last + 1
    return BooksSoFar(known.highest_epoch, KnownTriggers(next_seq), known)


def session_entry(facts: SessionFacts) -> SessionEntry:
    """The entry that opens a session in the journal."""
    detector = facts.model.detector
    return SessionEntry(
        session=secrets.token_hex(8),
        station=facts.config.name,
        boot_id=facts.boot_id,
        utc_ns=time.time_ns(),
        mono_ns=time.monotonic_ns(),
        recipe_sha256=facts.recipe.sha256(),
        recipe=facts.recipe.model_dump(mode="json"),
        model_sha256=facts.model.sha256,
        model_contract=detector.contract.model_dump(mode="json"),
        provider=detector.provider,
        version=version("ferrogate"),
        calibration_sha256=facts.gauges.content_sha256(),
        calibrations={
            camera: {"sha256": found.content_sha256(), **found.model_dump(mode="json")}
            for camera, found in facts.gauges.calibrations.items()
        },
    )
