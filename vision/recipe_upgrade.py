"""Recipes of schema version 1, read as version 2: the same limits under their new names.

Version 1 held the form limit and one number for the guard band (`guard_k`) under `size`, and named
no source for the nominal diameter. What a width inside the guard band does has changed: review
where version 1 said reject; both go to the reject chute.
Neighbour: `vision.recipe` calls this on every mapping before it checks it.
"""

from __future__ import annotations

from typing import Any

#: What the nominal diameter of a version 1 file says about itself.
NOMINAL_SOURCE = "recipe file of version 1, which names no source for the nominal diameter"
_ONE_SIDED_95 = 1.645


def is_version_1(data: dict[str, Any]) -> bool:
    """True for version 1: it says so, or says no version and has version 1's name for the nominal."""
    if "schema_version" in data:
        return bool(data["schema_version"] == 1)
    size = data.get("size")
    return isinstance(size, dict) and "d_nominal_mm" in size


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """The mapping as version 2; anything but version 1 comes back as it is.

    Keys that version 1 did not know stay where they are, so that the check names them.
    """
    if not is_version_1(data):
        return data
    result = {**data, "schema_version": 2}
    size = data.get("size")
    if not isinstance(size, dict):
        # Not readable as version 1 either: the check says what is wrong with `size`.
        return {**result, "guard": {"rule": "none"}}
    size = dict(size)
    if "d_nominal_mm" in size:
        nominal = {"value": size.pop("d_nominal_mm"), "source": NOMINAL_SOURCE, "verified": False}
        size["nominal_mm"] = nominal
    ovality = size.pop("ovality_max_mm", None)
    if ovality is not None:
        result["form"] = {"ovality_max_mm": ovality}
    result["guard"] = _guard(size.pop("guard_k", 0.0))
    result["size"] = size
    return result


def _guard(k: object) -> dict[str, object]:
    if k == 0:
        return {"rule": "none"}
    if k == _ONE_SIDED_95:
        return {"rule": "one_sided_95"}
    return {"rule": "factor", "k": k}
