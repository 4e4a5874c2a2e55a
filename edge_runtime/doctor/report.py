"""What a check says: OK, WARN or FAIL, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from vision.errors import FerrogateError

Level = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    `name`: what was looked at. `text`: what was found. `todo`: what to do, empty when OK.
    """

    level: Level
    name: str
    text: str
    todo: str = ""

    def __post_init__(self) -> None:
        if self.level != "OK" and not self.todo:
            raise ValueError(f"{self.level} '{self.name}' does not say what to do")

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def ok(name: str, text: str) -> Check:
    """All is well."""
    return Check("OK", name, text)


def warn(name: str, text: str, todo: str) -> Check:
    """It will run, but somebody should look."""
    return Check("WARN", name, text, todo)


def fail(name: str, text: str, todo: str) -> Check:
    """It will not run, or not as it should."""
    return Check("FAIL", name, text, todo)


def failed_by(name: str, error: FerrogateError) -> Check:
    """A check that ended in a user error says what the error says."""
    where = f" ({error.where})" if error.where else ""
    return fail(name, f"{error.what}{where}", error.todo or "mend it and run 'ferrogate doctor' again")
