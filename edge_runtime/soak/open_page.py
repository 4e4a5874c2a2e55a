"""One open page beside a soaking line, opened again when it breaks.

Neighbours: `watch` keeps it open, `edge_runtime.bench.viewer` speaks to the page.
"""

from __future__ import annotations

from contextlib import ExitStack

from edge_runtime.bench.viewer import Looked, open_page
from vision.errors import LinkError


class OpenPage:
    """A reader who looks at one camera all the time.

    Attributes:
        pictures: that were shown.
        broken: how often the connection broke; refused: how often it could not be opened.
    """

    def __init__(self, port: int, camera: str) -> None:
        self._port, self._camera = port, camera
        self._stack = ExitStack()
        self._looked: Looked | None = None
        self._before = 0
        self.broken = 0
        self.refused = 0

    def keep_open(self) -> None:
        """Open it where it is not open."""
        if self._looked is not None:
            if not self._looked.broken:
                return
            self.broken += 1
            self.close()
        try:
            self._looked = self._stack.enter_context(open_page(self._port, self._camera))
        except LinkError:
            self.refused += 1

    @property
    def pictures(self) -> int:
        """Shown so far."""
        return self._before + (self._looked.pictures if self._looked is not None else 0)

    def close(self) -> None:
        """Look away."""
        self._before = self.pictures
        self._looked = None
        self._stack.close()
