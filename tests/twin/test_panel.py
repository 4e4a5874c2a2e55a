"""The plant panel: buttons that move the twin's wiring, a page that says so in three languages."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin import panel as panel_module
from edge_runtime.twin.challenge_balls import KINDS, challenge_word
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.knobs import read_knobs
from edge_runtime.twin.panel import build_panel, listen, serving
from edge_runtime.twin.panel_buttons import TOGGLES
from edge_runtime.twin.panel_words import LANGUAGES, panel_texts

PAGE = Path(panel_module.__file__).parent / "panel_page"
ORIGIN = "http://127.0.0.1:8081"


@pytest.fixture
def field() -> Iterator[Field]:
    field = Field.create(f"fg-panel-{os.getpid()}")
    yield field
    field.close()


@pytest.fixture
def client(field: Field) -> Iterator[TestClient]:
    app = build_panel(field, 0, language="kk", page="http://127.0.0.1:8080/")
    with TestClient(app, base_url=ORIGIN) as client:
        yield client


def _press(client: TestClient, button: str, value: object = None, camera: str = "") -> int:
    return int(client.post("/press", json={"button": button, "value": value, "camera": camera}).status_code)


@pytest.mark.parametrize("name", TOGGLES)
def test_a_toggle_stays_as_it_is_put(client: TestClient, field: Field, name: str) -> None:
    for on in (True, False):
        answer = client.post("/press", json={"button": name, "value": on})
        assert answer.status_code == 200
        assert field.get(TOGGLES[name]) == int(on)
        assert answer.json()["buttons"][name] is on


@pytest.mark.parametrize("key", KeySwitch)
def test_the_key(client: TestClient, field: Field, key: KeySwitch) -> None:
    assert _press(client, "key", key.name.lower()) == 200
    assert field.get(Word.KEY_SWITCH) == key
    assert client.get("/state").json()["key"] == key.name.lower()


def test_keys_that_spring_back_count_their_presses(client: TestClient, field: Field) -> None:
    for _ in range(3):
        assert _press(client, "reset") == 200
    assert field.get(Word.BUTTON_RESET) == 3
    for kind in KINDS:
        assert _press(client, "drop", kind) == 200
        assert field.get(challenge_word(kind)) == 1
    assert field.get(challenge_word("half")) == 1


def test_speed_and_camera_knobs_and_back_to_as_built(client: TestClient, field: Field) -> None:
    assert client.get("/state").json()["speed_percent"] == 100
    assert _press(client, "speed_percent", 60) == 200
    assert field.get(Word.SPEED_OFF_PERMILLE) == -400
    assert _press(client, "blur_px", 2.5, "left") == 200
    assert _press(client, "lamp_percent", 80, "right") == 200
    assert _press(client, "shift_x_px", -7, "left") == 200
    assert _press(client, "shift_y_px", 3.5, "left") == 200
    left, right = read_knobs(field, "left"), read_knobs(field, "right")
    assert (left.blur_px, left.lamp, left.shift_x_px, left.shift_y_px) == (2.5, 1.0, -7.0, 3.5)
    assert (right.blur_px, right.lamp) == (0.0, 0.8)
    shown = client.get("/state").json()
    assert shown["speed_percent"] == 60
    assert shown["cameras"]["left"] == {
        "blur_px": 2.5,
        "lamp_percent": 100.0,
        "shift_x_px": -7.0,
        "shift_y_px": 3.5,
    }
    assert _press(client, "as_built") == 200
    assert read_knobs(field, "left").fault == ""
    assert field.get(Word.SPEED_OFF_PERMILLE) == 0


def test_the_state_shows_what_the_line_says(client: TestClient, field: Field) -> None:
    before = client.get("/state").json()
    assert (before["belt_runs"], before["latched"], before["gate_open"]) == (False, False, False)
    assert (before["language"], before["page"]) == ("kk", "http://127.0.0.1:8080/")
    for word, value in ((Word.BELT_ENABLE, 1), (Word.START_REQUEST, 1), (Word.STOP_LATCHED, 1)):
        field.set(word, value)
    field.set_gate(0, True)
    field.set(Word.BALLS_ENTERED, 12)
    field.set(Word.BALLS_PLACED, 7)
    after = client.get("/state").json()
    assert (after["belt_runs"], after["latched"], after["gate_open"]) == (True, True, True)
    assert (after["balls_entered"], after["balls_left"]) == (12, 7)


NONSENSE = [
    # button, value, camera
    ("detonate", None, ""),
    ("e_stop", 1, ""),  # on or off, no number
    ("e_stop", None, ""),
    ("key", "open", ""),
    ("drop", "meteor", ""),
    ("speed_percent", 200, ""),  # the geometry serves no higher speed
    ("speed_percent", 5, ""),
    ("speed_percent", True, ""),
    ("blur_px", 2.0, ""),  # whose?
    ("blur_px", -1.0, "left"),
    ("blur_px", "sharp", "left"),
    ("lamp_percent", 900, "left"),
]


@pytest.mark.parametrize(("button", "value", "camera"), NONSENSE)
def test_what_cannot_be_pressed_moves_nothing(
    client: TestClient, field: Field, button: str, value: object, camera: str
) -> None:
    before = [field.get(word) for word in range(128)]
    answer = client.post("/press", json={"button": button, "value": value, "camera": camera})
    assert answer.status_code == 422
    assert answer.json()["text"]
    assert [field.get(word) for word in range(128)] == before


@pytest.mark.parametrize(
    "headers",
    [
        # a page of another site that this browser has open
        {"origin": "http://evil.example"},
        # a name of theirs that points here
        {"host": "evil.example:8081"},
        # a plain form
        {"content-type": "application/x-www-form-urlencoded"},
    ],
)
def test_other_sites_press_nothing(client: TestClient, field: Field, headers: dict[str, str]) -> None:
    answer = client.post("/press", content=b'{"button": "e_stop", "value": true}', headers=headers)
    assert answer.status_code >= 400
    assert field.get(Word.BUTTON_E_STOP) == 0


def test_its_own_page_may_press(client: TestClient, field: Field) -> None:
    answer = client.post("/press", json={"button": "e_stop", "value": True}, headers={"origin": ORIGIN})
    assert answer.status_code == 200
    assert field.get(Word.BUTTON_E_STOP) == 1


def test_the_page_is_served_whole_and_asks_nobody_else(client: TestClient) -> None:
    html = client.get("/")
    assert html.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in html.headers["content-security-policy"]
    for name in ("panel.css", "panel.js"):
        assert name in html.text
        assert client.get(f"/{name}").status_code == 200
    for path in ("index.html", "panel.js", "panel.css"):
        assert not re.search(r"https?://", (PAGE / path).read_text(encoding="utf-8")), path
    assert not re.search(r"\son\w+=|<style|<script>", html.text), "nothing inline: the policy forbids it"
    assert client.get("/panel_words.py").status_code == 404
    assert client.get("/texts/de").status_code == 404


def test_the_catalogues_say_the_same_things() -> None:
    english = panel_texts("en")
    for language in LANGUAGES:
        texts = panel_texts(language)
        assert set(texts) == set(english)
        assert all(text.strip() for text in texts.values())
        if language != "en":
            same = {key for key, text in texts.items() if text == english[key]}
            assert not same, "not translated"


def test_the_page_has_words_for_all_it_shows() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    script = (PAGE / "panel.js").read_text(encoding="utf-8")
    keys = set(re.findall(r'data-text="([^"]+)"', html)) | set(re.findall(r'text\("([^"]+)"\)', script))
    keys |= {f"kind.{kind}" for kind in KINDS}
    keys |= {f"camera.{name}" for name in ("left", "right", *re.findall(r'name: "(\w+)"', script))}
    keys |= set(re.findall(r'"(light\.\w+)"', script))
    assert keys <= set(panel_texts("en"))
    assert set(panel_texts("en")) <= keys, "a text that nobody shows"


def test_it_is_served_on_loopback_and_gives_its_port_back(field: Field) -> None:
    first, taken = listen(0)
    port = first.getsockname()[1]
    assert not taken
    second, taken = listen(port)
    assert taken, "the port is in use: another one, and said aloud"
    second.close()
    address = f"http://127.0.0.1:{port}/state"
    with serving(build_panel(field, 0), first), urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.status == 200
    third, taken = listen(port)
    assert not taken
    third.close()
