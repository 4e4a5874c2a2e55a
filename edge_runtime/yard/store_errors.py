"""What the yard's books refuse, and what they say then. The page's catalogue has words for each code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vision.errors import FerrogateError

if TYPE_CHECKING:
    from edge_runtime.yard.store_types import Correction

#: every code there is; the catalogues of the page have words for each
CODES = (
    "no_such_rail",
    "no_such_wagon",
    "no_such_finding",
    "no_such_correction",
    "no_such_look",
    "no_such_act",
    "not_allowed",
    "changed_since",
    "bad_value",
    "name_taken",
    "reason_needed",
    "unknown_kind",
    "box_outside",
    "nothing_new",
    "later_stands",
    "cannot_undo",
    "grade_is_human",
    "already_answered",
    "act_missing",
    "already_signed",
    "draft_changed",
    "not_standing",
    "act_damaged",
    "nothing_to_export",
)


class YardRefused(FerrogateError):  # noqa: N818  # an answer, not a fault
    """The yard's books refuse what was asked; nothing in them was changed (exit code 12).

    Args:
        code: one of `CODES`.
        what: one sentence in English.
        values: fill the places of the catalogue's words.
    """

    exit_code = 12

    def __init__(
        self,
        code: str,
        what: str,
        *,
        values: Mapping[str, str | int] | None = None,
        where: str = "",
        todo: str = "",
    ) -> None:
        super().__init__(what, where=where, todo=todo)
        self.code = code
        self.values: dict[str, str | int] = dict(values or {})


class YardConflict(YardRefused):
    """Somebody else was faster: code `changed_since`.

    Args:
        subject: the rail or wagon in words.
        seen: revision that the author saw. revision: the one of now.
        since: what was done to a rail in between, oldest first; of a wagon empty, `by` says who changed it.
    """

    def __init__(
        self, subject: str, seen: int, revision: int, since: tuple[Correction, ...] = (), by: str = ""
    ) -> None:
        names = by or ", ".join(dict.fromkeys(entry.by for entry in since)) or "somebody"
        super().__init__(
            "changed_since",
            f"{subject} was changed by {names} since it was read (then revision {seen}, now {revision})",
            values={"by": names, "seen": seen, "revision": revision},
            where=subject,
            todo="look at what was done, then ask again",
        )
        self.seen = seen
        self.revision = revision
        self.since = since
