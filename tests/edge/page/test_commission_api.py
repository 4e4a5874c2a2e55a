"""The wizard's routes: only in commission mode, in the reader's words, acts only by who may."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge_runtime.commission.engine import Engine
from edge_runtime.commission.page_server import HandsAtTheLine, placeholder_config
from edge_runtime.page.context import PageContext
from tests.edge.commission.sim_rig import Wizard, draft_data, wizard, write_draft
from tests.edge.page.conftest import PASSWORD, PageUser


@pytest.fixture
def made(tmp_path: Path) -> Wizard:
    folder = tmp_path / "line"
    folder.mkdir()
    return wizard(folder)


@pytest.fixture
def commissioning(
    made: Wizard, make_context: Callable[..., PageContext], serve_page: Callable[[PageContext], TestClient]
) -> Callable[[str], PageUser]:
    """Somebody of a role at the wizard's page."""
    context = make_context(placeholder_config(made.engine.draft))
    context.mode = "commission"
    context.shared[Engine] = made.engine
    context.accounts.create("foreman", "foreman", PASSWORD, by="test")
    context.accounts.create("operator", "operator", PASSWORD, by="test")
    http = serve_page(context)

    def sign_in(role: str) -> PageUser:
        user = PageUser(http)
        assert user.sign_in(role).status_code == 200
        return user

    return sign_in


def test_a_step_is_begun_answered_and_told(made: Wizard, commissioning: Callable[[str], PageUser]) -> None:
    user = commissioning("foreman")
    told = user.get("/api/commission?language=ru").json()
    assert (told["station"], told["next"], told["running"]) == ("sim-line", "plc", None)
    assert [step["kind"] for step in told["steps"]][:4] == ["plc", "eye", "gate", "camera"]
    assert told["texts"]["page.begin"] == "Начать"
    assert told["steps"][3]["title"] == "Камера left"
    assert user.post("/api/commission", {"step": "plc", "action": "begin"}).status_code == 200
    made.sim.run(made.engine.tick, 5.0, lambda: made.engine.running is None)
    answer = user.post("/api/commission", {"step": "eye", "action": "begin", "language": "en"}).json()
    assert answer["steps"][0]["status"] == "passed"
    assert made.engine.results["plc"].by == "foreman"
    made.sim.run(
        made.engine.tick,
        5.0,
        lambda: made.engine.running is not None and "done" in made.engine.running[1].asks,
    )
    running = user.get("/api/commission?language=ru").json()["running"]
    assert running["asks"] == [{"name": "done", "label": "Готово", "typed": False}]
    assert running["figures"][0]["value"].endswith("мм/с")
    done = {"step": "eye", "action": "answer", "values": {"name": "done"}}
    assert user.post("/api/commission", done).status_code == 200
    made.sim.run(made.engine.tick, 20.0, lambda: made.engine.running is None)
    assert made.engine.results["eye"].status == "passed"


def test_what_cannot_be_is_refused_with_a_code(commissioning: Callable[[str], PageUser]) -> None:
    user = commissioning("foreman")
    for body, code in [
        ({"step": "gate", "action": "begin"}, "earlier"),
        ({"step": "plc", "action": "skip", "values": {"reason": "x"}}, "needed"),
        ({"step": "eye", "action": "skip", "values": {"reason": " "}}, "no_reason"),
    ]:
        answer = user.post("/api/commission", body)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert f"refused.{code}" in user.get("/api/commission?language=kk").json()["texts"]
    assert user.post("/api/commission", {"step": "x" * 100, "action": "begin"}).status_code in (400, 422)


def test_an_operator_looks_and_does_nothing(made: Wizard, commissioning: Callable[[str], PageUser]) -> None:
    user = commissioning("operator")
    assert user.get("/api/commission").status_code == 200
    answer = user.post("/api/commission", {"step": "plc", "action": "begin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert made.engine.running is None


def test_a_lines_page_has_no_wizard(
    page_context: PageContext, serve_page: Callable[[PageContext], TestClient]
) -> None:
    assert serve_page(page_context).get("/api/commission").status_code == 404


def test_hands_at_the_line_press_nothing(made: Wizard) -> None:
    made.engine.act("plc", "begin", {}, "A")
    hands = HandsAtTheLine(made.engine, made.hands, made.attendant._answers, alone=False)

    def tick() -> None:
        made.engine.tick()
        hands.step()

    made.sim.run(tick, 3.0, lambda: False)
    assert set(made.engine.results) == {"plc"}, "what comes next is for the person at the page"


def test_the_placeholder_has_the_drafts_cameras(tmp_path: Path) -> None:
    config = placeholder_config(write_draft(tmp_path, draft_data()))
    assert [camera.name for camera in config.cameras] == ["left"]
    assert config.page is not None
