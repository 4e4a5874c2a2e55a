"""`ferrogate status` of a rail yard: how its station stands, from the file that the worker keeps.

Neighbour: `station_status` is that file; `edge_runtime.commands.status` is the command.
"""

from __future__ import annotations

import json
import time
from typing import Any

from edge_runtime.yard.station_status import YardStatus, lost_words, read_status
from edge_runtime.yard.yard_config import RailStationConfig

EXIT_NONE, EXIT_NOT_READY = 1, 3
_AT_WORK = frozenset({"idle", "mapping", "photos"})


def show_yard(config: RailStationConfig, *, as_json: bool) -> int:
    """Print it; returns 0 at work, 3 running and waiting for something, 1 no station runs."""
    status = read_status(config.storage.folder)
    alive = status is not None and status.alive(time.time_ns())
    if as_json:
        facts: dict[str, Any] = {"station": config.name, "running": alive}
        facts["status"] = None if status is None else status.model_dump(mode="json")
        print(json.dumps(facts, ensure_ascii=False), flush=True)
    else:
        print("\n".join(_lines(config.name, status, alive=alive)), flush=True)
    if status is None or not alive:
        return EXIT_NONE
    return 0 if status.state in _AT_WORK else EXIT_NOT_READY


def _lines(name: str, status: YardStatus | None, *, alive: bool) -> list[str]:
    if status is None or not alive:
        return [f"rail station {name}: does not run"]
    lines = [
        f"rail station {name}: {status.state.replace('_', ' ')}; {status.rails_done} rails since its start"
    ]
    if status.rail:
        lines.append(f"  {status.rail}: {status.done} % of its way; waiting: {len(status.queue)} scans")
    if status.message:
        lines.append(f"  {status.message}")
    if status.state != "no_source":  # which says it in its message
        lines += [f"  cannot be read: {place}: {lost_words(why)}" for place, why in status.lost.items()]
    lines += [f"  aside: {aside.name}: {aside.what}" for aside in status.asides]
    return lines
