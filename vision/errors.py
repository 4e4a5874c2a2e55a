"""Typed errors: what is wrong, where, and what to do about it.

Every error a user can meet is a `FerrogateError`. The command line prints its
three parts and leaves with its `exit_code`; nothing else is shown to a user.
"""

from __future__ import annotations

from typing import Literal


class FerrogateError(Exception):
    """One clear error.

    Args:
        what: what is wrong, one sentence.
        where: the file, key, device or address it was found at.
        todo: what the reader should do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.todo = todo

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"where: {self.where}")
        if self.todo:
            parts.append(f"what to do: {self.todo}")
        return "; ".join(parts)


class ConfigError(FerrogateError):
    """A station file, recipe or command-line value that cannot be used (exit code 2)."""

    exit_code = 2


class ImageError(FerrogateError):
    """An image that cannot be read or has a form nothing here accepts (exit code 3).

    Args:
        what, where, todo: as of every error.
        code: `empty` or `undecodable`, which are told apart; '' for all else.
    """

    exit_code = 3

    def __init__(
        self, what: str, *, where: str = "", todo: str = "", code: Literal["", "empty", "undecodable"] = ""
    ) -> None:
        super().__init__(what, where=where, todo=todo)
        self.code = code


class ContractError(FerrogateError):
    """A model file without a contract, or with one that does not fit (exit code 4)."""

    exit_code = 4


class ProviderError(FerrogateError):
    """An execution provider was asked for that is not there (exit code 5)."""

    exit_code = 5


class LinkError(FerrogateError):
    """The PLC cannot be reached, or does not speak the register map (exit code 6)."""

    exit_code = 6


class CameraError(FerrogateError):
    """A camera cannot be opened, or is lost (exit code 7)."""

    exit_code = 7


class LedgerError(FerrogateError):
    """The ledger or journal cannot be opened, read or written (exit code 8)."""

    exit_code = 8


class CalibrationError(ConfigError):
    """A calibration that is stale, changed, of another camera or resolution, or that cannot be solved."""


class CalibrationDateError(CalibrationError):
    """A calibration that does not hold today, by this machine's clock (exit code 9).

    A code of its own: a clock that is set right mends it, without a new station file.
    """

    exit_code = 9


class TemperatureError(ConfigError):
    """A temperature that a ball cannot have, or an uncertainty of one that cannot be."""
