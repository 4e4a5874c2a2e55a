"""Recipes that come with ferrogate as files: common sizes of GOST 7524, every limit not verified.

They are a place to start: copy one, put in the limits of the standard or contract you bought,
name the source and set `verified: true`. They are written from the tables beside them by
`edge_runtime.catalogue`, which knows all sizes and other standards by name (`gost:45`, `ybt:60`).
Neighbours: `edge_runtime.config.load_recipe` reads them, `ferrogate inspect` and `ferrogate demo`
use them when no other is given.
"""

from __future__ import annotations

from pathlib import Path

from edge_runtime.config import load_recipe
from vision.errors import ConfigError
from vision.recipe import BallRecipe, Limit, SizeLimits

RECIPE_DIR = Path(__file__).parent
#: Size used where nobody says which.
DEFAULT_SIZE_LABEL = "40"
#: How rails are judged where no other recipe is given (`edge_runtime.config.load_rail_recipe` reads it).
RAIL_RECIPE_PATH = RECIPE_DIR / "rail_default.yaml"
#: How whole rails are graded where no other recipe is given (`edge_runtime.yard.recipe_file` reads it).
YARD_RECIPE_PATH = RECIPE_DIR / "yard_default.yaml"
_PREFIX, _SUFFIX = "ball_", ".yaml"


def recipe_labels() -> tuple[str, ...]:
    """Size labels for which a recipe comes with ferrogate, smallest first."""
    names = [path.name for path in RECIPE_DIR.glob(f"{_PREFIX}*{_SUFFIX}")]
    return tuple(sorted((name[len(_PREFIX) : -len(_SUFFIX)] for name in names), key=float))


def default_recipe_path(size_label: str = DEFAULT_SIZE_LABEL) -> Path:
    """Path of the recipe that comes with ferrogate for a size.

    Raises:
        ConfigError: there is none for this size.
    """
    if size_label not in recipe_labels():
        raise ConfigError(
            f"no recipe comes with ferrogate for size '{size_label}'",
            where=str(RECIPE_DIR),
            todo=f"use one of the sizes {', '.join(recipe_labels())}, or write a recipe of your own",
        )
    return RECIPE_DIR / f"{_PREFIX}{size_label}{_SUFFIX}"


def recipe_for_diameter(d_mm: float) -> BallRecipe:
    """A recipe for balls of exactly `d_mm`, for the simulated line.

    Takes the recipe of the largest size label that is not above `d_mm` (the narrower band in doubt;
    below the smallest size its band is scaled down), with `d_mm` as the nominal diameter.

    Raises:
        ConfigError: not above 0 mm, or above 300 mm.
    """
    if not 0.0 < d_mm <= 300.0:
        raise ConfigError(
            f"a ball of {d_mm} mm cannot be had",
            where="diameter",
            todo="give a diameter above 0 and up to 300 mm",
        )
    labels = recipe_labels()
    fitting = [label for label in labels if float(label) <= d_mm]
    label = fitting[-1] if fitting else labels[0]
    base = load_recipe(default_recipe_path(label))
    share = min(1.0, d_mm / float(label))
    note = f"taken over from size {label} for a diameter of {d_mm:g} mm"
    size = SizeLimits(
        nominal_mm=Limit(value=float(d_mm), source="asked for, for the simulated line", verified=False),
        es_mm=_derived(base.size.es_mm, share, note),
        ei_mm=_derived(base.size.ei_mm, share, note),
    )
    product = f"Grinding ball {d_mm:g} mm, simulated line"
    return base.model_copy(update={"product": product, "size_label": f"{d_mm:g}", "size": size})


def _derived(limit: Limit, share: float, note: str) -> Limit:
    return Limit(value=limit.value * share, source=f"{limit.source}; {note}", verified=False)
