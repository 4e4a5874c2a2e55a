"""All marks that formulas draw, by name, and how often each is wanted.

Neighbours: the `marks_*` modules draw them; `compose`, `strips` and `rail` draw lots here.
"""

from __future__ import annotations

import numpy as np

from datasets.synthetic.rails import marks_damage, marks_dirt, marks_joint
from datasets.synthetic.rails.mark import Drawer, Mark

DRAWERS: dict[str, Drawer] = {
    "spalling": marks_damage.spalling,
    "pits": marks_damage.pits,
    "scratch": marks_damage.scratch,
    "squat": marks_damage.squat,
    "head_check": marks_damage.head_check,
    "corrugation": marks_damage.corrugation,
    "transverse_crack": marks_damage.transverse_crack,
    "longitudinal_crack": marks_damage.longitudinal_crack,
    "flaking": marks_damage.flaking,
    "shiny_spot": marks_damage.shiny_spot,
    "wheel_burn": marks_damage.wheel_burn,
    "dent": marks_damage.dent,
    "crush": marks_damage.crush,
    "grease": marks_dirt.grease,
    "paint": marks_dirt.paint,
    "leaf": marks_dirt.leaf,
    "dust": marks_dirt.dust,
    "water": marks_dirt.water,
    "gap": marks_joint.gap,
    "weld": marks_joint.weld,
    "bolt_hole": marks_joint.bolt_hole,
}

_DIRT = frozenset({"grease", "paint", "leaf", "dust", "water"})
_OTHER: dict[str, str | None] = {"gap": "gap", "weld": None, "bolt_hole": None}

LABEL_OF: dict[str, str | None] = {
    name: "dirt" if name in _DIRT else _OTHER.get(name, "defect") for name in DRAWERS
}
"""Label of each mark; None: no object of the detector."""

#: How often one is drawn, relative. Breaks and tears lead: they are most of what a scrap rail shows.
SHARES: dict[str, float] = {
    "spalling": 5.0,
    "pits": 2.0,
    "scratch": 1.5,
    "squat": 2.5,
    "head_check": 1.2,
    "corrugation": 0.8,
    "transverse_crack": 1.5,
    "longitudinal_crack": 0.8,
    "flaking": 1.2,
    "shiny_spot": 1.0,
    "wheel_burn": 0.8,
    "dent": 2.0,
    "crush": 1.5,
    "grease": 2.5,
    "paint": 0.8,
    "leaf": 0.6,
    "dust": 0.8,
    "water": 0.8,
    "gap": 1.6,
    "weld": 1.0,
    "bolt_hole": 0.25,
}


def draw_name(rng: np.random.Generator) -> str:
    """A name by `SHARES`."""
    names = list(SHARES)
    weights = np.array([SHARES[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def draw_mark(name: str, px_per_mm: float, head_px: float, rng: np.random.Generator) -> Mark:
    """One mark, cut to what it changes.

    Raises:
        KeyError: no such mark.
        ValueError: it came out without any change (its drawer is wrong).
    """
    mark = DRAWERS[name](px_per_mm, head_px, rng).trimmed()
    if mark is None:
        raise ValueError(f"{name} at {px_per_mm:.2f} px/mm changes nothing")
    return mark
