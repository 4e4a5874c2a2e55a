"""The page of a commissioning: the line's own page with the wizard in place of its views.

Served by the command's main thread while the engine is ticked in another. Nobody can sign in at a plant that
has no accounts yet: on this machine alone a one-time password for the technician is printed.
Neighbours: `edge_runtime.page` is the page, `edge_runtime.page.commission_api` its routes for the wizard.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from edge_runtime.commission.attendant import Answers, Attendant, Hands
from edge_runtime.commission.draft import Draft
from edge_runtime.commission.engine import ActionRefused, Engine
from edge_runtime.config import StationConfig
from edge_runtime.day_config import PageConfig
from edge_runtime.page.context import PageContext
from edge_runtime.page.process import bind, serve
from edge_runtime.people.accounts import Accounts
from edge_runtime.people.sign_in import SignIn
from edge_runtime.reports.words import Language

#: as good as none: the page asks a station's configuration for the cameras' names only
_PLACEHOLDER_LINE: dict[str, Any] = {
    "um_per_count": 1.0,
    "max_speed_counts_per_s": 1.0,
    "pulse_min_counts": 1,
    "pulse_max_counts": 2,
    "min_spacing_counts": 1,
    "valve_lead_ms": 1.0,
    "gate_window_counts": 1,
    "lanes": [{"lane": 0, "eye_to_gate_counts": 20_000, "gate_to_confirm_counts": 1}],
}
_PLACEHOLDER_GEOMETRY: dict[str, Any] = {
    "width_px": 640,
    "height_px": 480,
    "fov_start_counts": 0,
    "px_per_count": 1.0,
    "lane_y_px": {0: 240.0},
}
_TECHNICIAN = "technician"


def placeholder_config(draft: Draft) -> StationConfig:
    """A configuration that the page can be built on while the line's own does not exist yet."""
    cameras = [
        {
            "name": camera.name,
            "source": camera.source.model_dump(),
            "geometry": _PLACEHOLDER_GEOMETRY,
            "exposure": {"every_counts": 1},
        }
        for camera in draft.cameras
    ]
    config = StationConfig.model_validate(
        {
            "name": draft.name,
            "recipe": draft.recipe_name,
            "cameras": cameras,
            "line": _PLACEHOLDER_LINE,
            "plc": draft.plc.model_dump(),
            "storage": {"folder": str(draft.storage)},
        }
    )
    page = (draft.page or PageConfig()).model_copy()
    return config.model_copy(update={"page": page})


def serve_wizard(
    engine: Engine, draft: Draft, language: Language, port: int | None, stop: threading.Event
) -> None:
    """Serve until `stop` is set.

    Args:
        engine, draft: the commissioning.
        language: until a reader chooses another one.
        port: to listen at; None: that of the draft, or the usual one.
        stop: set by whoever wants it to end.

    Raises:
        ConfigError: the port is taken.
        AccountError: the accounts cannot be used.
    """
    config = placeholder_config(draft)
    given: dict[str, Any] = {"language": language} | ({} if port is None else {"port": port})
    page = (config.page or PageConfig()).model_copy(update=given)
    config = config.model_copy(update={"page": page})
    accounts = Accounts.open(draft.storage)
    try:
        sign_in = SignIn(accounts, page.idle_minutes, page.session_hours)
        context = PageContext(config, page, accounts, sign_in, draft.path, mode="commission")
        context.shared[Engine] = engine
        try:
            listener = bind(page)
            host, port = listener.getsockname()[:2]
            print(f"http://{host}:{port}/", file=sys.stderr)
            _let_somebody_in(accounts, page, draft.storage)
            serve(context, listener, stop.is_set)
        finally:
            context.close()
    finally:
        accounts.close()


def _let_somebody_in(accounts: Accounts, page: PageConfig, storage: Path) -> None:
    """Print how to sign in."""
    if not accounts.is_empty():
        return
    if page.loopback:
        password = accounts.create_one_time(_TECHNICIAN, "foreman", by="commission")
        print(f"sign in as '{_TECHNICIAN}' with the one-time password {password}", file=sys.stderr)
    else:
        todo = f"ferrogate people {storage} add NAME --role foreman"
        print(f"nobody can sign in yet: {todo}", file=sys.stderr)


class HandsAtTheLine:
    """On a twin: its technician does at the line what the page shows; people press the page's buttons.

    Args:
        engine, hands, answers: as for `Attendant`.
        alone: True where nobody presses the page's buttons either.
    """

    def __init__(self, engine: Engine, hands: Hands, answers: Answers, *, alone: bool) -> None:
        self._engine = engine
        self._hands = hands
        self._attendant = Attendant(engine, hands, answers) if alone else None

    def step(self) -> None:
        """After every tick."""
        if self._attendant is not None:
            if not self._attendant.finished:
                try:
                    self._attendant.step()
                except ActionRefused:
                    # Somebody pressed a button at the page first: what is asked next counts.
                    return
            return
        running = self._engine.running
        if running is not None:
            self._hands.follow(*running)
