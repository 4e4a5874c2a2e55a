"""Passwords: argon2 hashes, one-time passwords, what a password must be.

One hash takes about 70 ms of one core at the parameters below; the line shares the machine, so at most
one is worked out at a time in a process.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edge_runtime.people.errors import AccountError

MIN_LENGTH = 8
MAX_LENGTH = 200
_DIFFERENT_MIN = 4
#: characters that are not the person's name
_BESIDE_NAME_MIN = 6
#: no letter or figure that is read for another one (0 o, 1 l i)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 3, 4

_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_ONE_AT_A_TIME = threading.Lock()


def make_hash(password: str) -> str:
    """Hash with salt and parameters in it."""
    with _ONE_AT_A_TIME:
        return _HASHER.hash(_same_letters(password))


def fits(password: str, password_hash: str) -> bool:
    """Whether it is the password of this hash. A hash that cannot be read fits nothing."""
    with _ONE_AT_A_TIME:
        try:
            return _HASHER.verify(password_hash, _same_letters(password))
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """Made with other parameters than today's: make it anew while the password is at hand."""
    return _HASHER.check_needs_rehash(password_hash)


def make_one_time() -> str:
    """A password to be read aloud once: three groups of four, about 59 bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def check_strength(password: str, name: str) -> None:
    """Refuse what is guessed first.

    Raises:
        AccountError: 'password_too_short', 'password_too_long', 'password_weak'.
    """
    plain = password.casefold()
    values: dict[str, str | int] = {}
    if len(password) < MIN_LENGTH:
        code, fault, values = (
            "password_too_short",
            f"fewer than {MIN_LENGTH} characters",
            {"least": MIN_LENGTH},
        )
    elif len(password) > MAX_LENGTH:
        code, fault, values = "password_too_long", f"more than {MAX_LENGTH} characters", {"most": MAX_LENGTH}
    elif len(set(plain)) < _DIFFERENT_MIN:
        code, fault = "password_weak", f"fewer than {_DIFFERENT_MIN} different characters"
    elif len(plain.replace(name.casefold(), "")) < _BESIDE_NAME_MIN:
        code, fault = "password_weak", "it is hardly more than the name"
    else:
        return
    raise AccountError(
        code,
        f"this password cannot be used: {fault}",
        values=values,
        todo=f"take {MIN_LENGTH} to {MAX_LENGTH} characters, several different ones, not only the name",
    )


def _same_letters(password: str) -> bytes:
    """Two keyboards may write the same letter in two ways (NFC makes them one)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
