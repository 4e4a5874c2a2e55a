"""One look at a station's status from outside, for metrics and the terminal.

Neighbours: `mailboxes` follows the status continuously, for the page's event loop.
"""

from __future__ import annotations

from edge_runtime.page.mailboxes import SeenStatus, StatusBox


def look_at(station: str) -> SeenStatus:
    """The status as it is now; `status` None where none of that name has run since the machine came up."""
    box = StatusBox(station)
    try:
        return box.look()
    finally:
        box.close()
