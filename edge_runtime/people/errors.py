"""The errors of accounts and of signing in."""

from __future__ import annotations

from collections.abc import Mapping

from vision.errors import FerrogateError


class AccountError(FerrogateError):
    """An account cannot be made, changed or read (exit code 11).

    Args:
        code: 'name_taken', 'no_such_person', 'last_admin', 'bad_name', 'bad_role', 'wrong_password',
            'password_too_short', 'password_too_long', 'password_weak', 'password_same', 'bad_file'; the
            page's catalogue has words for each.
        values: fill the places of those words.
    """

    exit_code = 11

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
        self.values = dict(values or {})


class SignInRefused(Exception):  # noqa: N818  # an answer, not a fault
    """Nobody was signed in.

    Args:
        code: 'wrong_name_or_password', 'password_expired', 'throttled' (values: seconds), 'no_people'.
    """

    def __init__(self, code: str, text: str, values: Mapping[str, int] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.values = dict(values or {})
