"""Death in the middle of a file operation: the n-th one of a process is begun, and then the whole tree is
killed.

A kill at a random time seldom meets a write that is half done. Here the operations that the journal is made
of (`os.pwrite`, `os.fdatasync`, renames and so on) count down, and the last one writes a part of its bytes
only.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: operations that change files, or that promise that they are changed
OPERATIONS = (
    "pwrite",
    "write",
    "fdatasync",
    "fsync",
    "ftruncate",
    "posix_fallocate",
    "replace",
    "rename",
    "unlink",
)


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies.

    Attributes:
        of: name of the process, as the supervisor calls it.
        at_operation: the how-manieth file operation it does not survive, from 1.
        share: of its bytes that are written, where it writes; at 1 it is done in full.
    """

    of: str
    at_operation: int
    share: float


def arm(death: Death) -> None:
    """Make this process die so; to be called in a process that was just forked."""
    left = death.at_operation

    def deadly(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if name in ("pwrite", "write"):
                    fd, data, *rest = arguments
                    view = memoryview(data).cast("B")
                    real(fd, view[: int(len(view) * death.share)], *rest)
                elif death.share > 0.5:
                    real(*arguments, **options)
                os.killpg(os.getpgrp(), signal.SIGKILL)
            return real(*arguments, **options)

        return operation

    for name in OPERATIONS:
        setattr(os, name, deadly(name, getattr(os, name)))
