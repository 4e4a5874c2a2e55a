"""Why an act is refused: a code with values, and its English text.

The page has the same codes in its catalogue.
Neighbours: `rules` and the station's desk refuse, `client` hands a refusal on to whoever asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from vision.errors import FerrogateError

#: code -> English text; the places are filled from the refusal's values
REFUSALS: dict[str, str] = {
    "shift_open": "a shift is open already: {shift}; close it first",
    "no_shift": "no shift is open",
    "lot_open": "a lot is open already: {lot}; close it first",
    "no_lot": "no lot is open",
    "lot_name_used": "there was a lot called {lot} before; choose another name",
    "product_differs": "the lot is of product {product}, the recipe in force is for {recipe_product}",
    "close_lot_first": "lot {lot} is open; close it before the recipe is changed",
    "changeover_running": "a changeover to {recipe} is under way; wait for it or cancel it",
    "no_changeover": "no changeover is under way",
    "challenge_running": "challenge {challenge} is under way; wait for it or cancel it",
    "no_challenge": "no challenge is under way",
    "unknown_recipe": "there is no recipe {recipe}: {detail}",
    "same_recipe": "this recipe is in force already",
    "recipe_refused": "the recipe cannot be used on this line: {detail}",
    "changed_meanwhile": "{by} has changed the line meanwhile ({act}); look again, then decide",
    "not_allowed": "the role {role} may not do this",
    "bad_act": "the request is not understood: {detail}",
    "not_ready": "the station is not Ready ({holds}); mend that first",
    "journal": "it cannot be written down: {detail}",
    "unknown_lane": "there is no lane {lane}",
}


class ActRefused(FerrogateError):  # noqa: N818 - named by what happened
    """An act that was not carried out, and why (exit code 12).

    Args:
        code: key of `REFUSALS`.
        values: fills the places of its text.
        text: English; default: the text of the code.
    """

    exit_code = 12

    def __init__(
        self, code: str, values: Mapping[str, str | int] | None = None, text: str | None = None
    ) -> None:
        self.code = code
        self.values = dict(values or {})
        self.text = REFUSALS[code].format(**self.values) if text is None else text
        super().__init__(self.text, where="the station's desk")
