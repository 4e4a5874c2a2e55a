"""A ledger with a lot in it, made by the recorder's own way from journal entries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.config import load_recipe
from edge_runtime.entries import Entry, ReasonRow, SessionEntry
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.recipes import default_recipe_path
from tests.edge.ledger_samples import BOOT, UTC_NS, epoch, outcome, part, placed
from vision.recipe import BallRecipe

LOT = "lot 7"
NS_PER_S = 1_000_000_000


def recipe(*, verified: bool = False) -> BallRecipe:
    """A recipe for 40 mm balls, as it comes or with every limit compared with its source."""
    plain = load_recipe(default_recipe_path("40"))
    return BallRecipe.model_validate(_verified(plain.model_dump(mode="json"))) if verified else plain


def _verified(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: True if key == "verified" else _verified(value) for key, value in tree.items()}
    return [_verified(value) for value in tree] if isinstance(tree, list) else tree


def session(used: BallRecipe) -> SessionEntry:
    """A session that judged by this recipe."""
    return SessionEntry(
        used.sha256()[:8], "line-1", BOOT, UTC_NS, 1, used.sha256(), used.model_dump(mode="json"),
        "b" * 64, {"labels": ["crack"]}, "cpu", "0.1.0",
    )  # fmt: skip


def balls(
    used: BallRecipe, count: int = 60, *, lot: str = LOT, first: int = 1, per_s: float = 10.0, seed: int = 1
) -> list[Entry]:
    """`count` balls with their outcomes; every tenth has a crack, the others are accepted."""
    random = np.random.default_rng(seed)
    entries: list[Entry] = []
    for index in range(count):
        seq = first + index
        mean = used.size.d_nominal_mm + float(random.normal(0.0, 0.2))
        entries += ball(used, seq, mean, utc_ns=UTC_NS + int(index / per_s * NS_PER_S), lot=lot)
    return entries


def ball(used: BallRecipe, seq: int, mean_mm: float, *, utc_ns: int, lot: str = LOT) -> list[Entry]:
    """One ball of a mean diameter, cracked when its number divides by ten."""
    bad = seq % 10 == 0
    judged = part(
        seq,
        decision="reject" if bad else "accept",
        reasons=(ReasonRow("crack", "found", 0.75, 0.4, None, "left", 0),) if bad else (),
        lot=lot,
        recipe_sha256=used.sha256(),
        diameter_min_mm=mean_mm - 0.1,
        diameter_max_mm=mean_mm + 0.1,
        diameter_mean_mm=mean_mm,
        u_diameter_mm=0.04,
        u_diameter_mean_mm=0.03,
        roundness_mm=0.12,
        utc_ns=utc_ns,
    )
    return [judged, outcome(seq, verdict="reject" if bad else "accept", utc_ns=utc_ns + 1)]


def make_ledger(folder: Path, entries: Sequence[Entry]) -> Path:
    """A storage folder whose ledger holds the entries."""
    engine = open_ledger(ledger_url(folder))
    Applier(engine).apply(placed([epoch(), *entries]))
    engine.dispose()
    return folder
