"""What a model has seen, all told: the sets of its own stages, and those of the weights it started from.

Terms travel with weights: a network that began as another one has seen that one's pictures, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.records import DataSet
from datasets.terms import states_terms
from datasets.training_run import MANIFEST_FILE, read_manifest
from vision.errors import ConfigError

NO_TERMS = "none stated"


@dataclass(frozen=True, slots=True)
class Lineage:
    """`terms`: source and licence of all pictures seen, each once; `evaluation_only`: some state none.

    `start_sha256`: hash of the data of the weights it started from, empty without such weights.
    """

    terms: tuple[str, ...]
    evaluation_only: bool
    start_sha256: str = ""


def lineage_of(sets: dict[str, DataSet], start_weights: Path | None) -> Lineage:
    """Terms of the train splits, and of what the weights saw before.

    Args:
        sets: of all stages.
        start_weights: `weights.pt` in the folder of a finished run; None: random weights.

    Raises:
        ConfigError: the weights' folder has no manifest that says what they saw.
    """
    pairs = {(s.source, s.licence.strip()) for data in sets.values() for s in data.of_split("train")}
    own = {f"{source}: {licence or NO_TERMS}" for source, licence in pairs}
    unstated = any(not states_terms(licence) for _, licence in pairs)
    if start_weights is None:
        return Lineage(tuple(sorted(own)), unstated)
    path = start_weights.parent / MANIFEST_FILE
    if not path.is_file():
        raise ConfigError(
            "nothing says what these weights have seen",
            where=str(path),
            todo="start from the weights.pt in the folder of a finished run, beside its manifest.json",
        )
    before = read_manifest(start_weights.parent)
    return Lineage(
        tuple(sorted(own | set(before.data_terms))),
        unstated or before.evaluation_only,
        before.data_sha256,
    )
