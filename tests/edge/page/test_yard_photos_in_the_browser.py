"""Photos of a load: sent by the page of a running station, looked at by its worker, corrected.

And what is no photo: a text called .jpg, a cut-off picture, a picture without a rail, 100 MB. The station is
the one of `yard_day_driver`, without a scanner.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from playwright.sync_api import Locator, expect

from edge_runtime.ledger.store import ledger_url
from edge_runtime.yard.recipe_file import load_yard_recipe
from edge_runtime.yard.store import YardStore
from edge_runtime.yard.store_grading import RecipeGrading
from tests.edge.page.browser_rig import need_chromium
from tests.edge.page.day_driver import PATIENCE_MS, PERSON
from tests.edge.page.yard_day_driver import Inspector, Station, at_the_page, new_inspector, running
from tests.edge.page.yard_rig import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

TITLE = "<b>Куча</b> <img src=x onerror=\"document.title='owned'\">"
MB = 1024 * 1024
#: sends 100 MB past the page's own check, as no page of ours would; what the server says
_TOO_LARGE = """async () => {
  const state = await (await fetch('/api/state')).json();
  const head = { 'X-CSRF-Token': state.csrf };
  const begun = await fetch('/api/yard/photos', {
    method: 'POST', headers: { ...head, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'large', wagon_id: null, files: 1 }) });
  const { upload } = await begun.json();
  try {
    const answer = await fetch(`/api/yard/photo-files/${upload}/0?name=large.jpg`, {
      method: 'POST', headers: { ...head, 'Content-Type': 'application/octet-stream' },
      body: new Blob([new Uint8Array(100 * 1024 * 1024)]) });
    return [upload, answer.status, (await answer.json()).code];
  } catch (error) {
    return [upload, 0, String(error)];
  }
}"""


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A station with an empty folder for scans."""
    need_chromium()
    (tmp_path / "scans").mkdir()
    facts = {
        "schema_version": 1,
        "station": "rail",
        "name": "yard-photos",
        "cameras": [{"name": "top", "element": "head"}],
        "scans": [{"type": "watch", "path": "scans"}],
        "storage": {"folder": "books", "min_free_mb": 100},
        "page": {"port": free_port(), "language": "ru"},
    }
    file = tmp_path / "rail_station.yaml"
    file.write_text(yaml.safe_dump(facts), encoding="utf-8")
    with running(file) as started:
        started.wait("an idle station", lambda: started.state() == "idle")
        yield started


def test_photos_go_through_the_station(station: Station, ferrogate_data: Path, tmp_path: Path) -> None:
    found = sorted((ferrogate_data / "rail_gap" / "images").glob("*.jpg"))[:2]
    if len(found) < 2:
        pytest.skip(f"no photos of rails in {ferrogate_data / 'rail_gap'}")
    good = [tmp_path / f"вагон {number}.jpg" for number in range(2)]
    for photo, path in zip(found, good, strict=True):
        shutil.copyfile(photo, path)
    sky = tmp_path / "sky.png"
    cv2.imwrite(str(sky), np.full((480, 640, 3), (230, 200, 160), np.uint8))
    text, cut = tmp_path / "text.jpg", tmp_path / "cut.jpg"
    text.write_bytes(b"Dear Sir,\n" * 50)
    cut.write_bytes(good[0].read_bytes()[:3000])
    password = new_inspector(station)
    with at_the_page(station, "ru") as person:
        person.sign_in(password)
        wagon = _new_wagon(person)
        person.go("photos")
        form = person.card("yard.photos.send")
        form.locator("input[type=file]").set_input_files([*good, text, cut, sky])
        person.fill("yard.photos.name", TITLE, form)
        person.chosen_of(person.t("yard.photos.wagon"), form).select_option(label=wagon)
        person.look("photos_chosen")
        person.button("yard.photos.send", form).click()
        wrong = form.get_by_role("alert")
        expect(wrong).to_contain_text("text.jpg", timeout=PATIENCE_MS)
        expect(wrong).to_contain_text("cut.jpg")
        expect(wrong).to_contain_text(person.t("yard.photos.rest_sent", n=3))
        row = person.card("yard.photos.title").get_by_role("row").filter(has_text=TITLE)
        expect(row).to_contain_text(person.t("yard.photos.state_done"), timeout=PATIENCE_MS)
        expect(row).to_contain_text(PERSON)
        expect(row).to_contain_text(person.like("yard.photos.without_rail"))
        person.look("photos_done")
        _a_set_is_corrected(person, row.get_by_role("link"))
        upload, status, code = person.page.evaluate(_TOO_LARGE)
        # The server hangs up on what it will not read: the browser may see that before the answer.
        assert (status, code) == (413, "yard_file_too_large") or status == 0, (status, code)
        person.go("photos")
        expect(person.card("yard.photos.title").get_by_role("row")).to_have_count(2)
        assert person.page.locator("img[src=x]").count() == 0
        assert person.page.title() != "owned"
        refused = [line for line in person.complaints if not re.search(r"422|413|ERR_CONNECTION", line)]
        assert refused == []
    inbox = station.storage / "photos" / "inbox"
    assert not [path for path in inbox.iterdir() if not path.name.startswith(".")]
    left = sum(path.stat().st_size for path in inbox.rglob("*") if path.is_file())
    assert left < MB, f"of upload {upload}, which was refused, something is left"
    _books_tell(station.storage)


def _new_wagon(person: Inspector) -> str:
    person.go("wagons")
    person.page.get_by_role("link", name=person.t("yard.wagons.begin"), exact=True).click()
    person.there("wagon")
    person.typed("yard.field.vehicle").fill("61234567")
    person.button("yard.save").click()
    heading = f"{person.t('yard.vehicle.wagon')} 61234567"
    expect(person.page.get_by_role("heading", name=heading)).to_be_visible(timeout=PATIENCE_MS)
    return heading


def _a_set_is_corrected(person: Inspector, link: Locator) -> None:
    link.click()
    person.drawn()
    expect(person.page.get_by_role("heading", name=TITLE, exact=True)).to_be_visible()
    expect(person.page.get_by_role("main")).to_contain_text(person.t("yard.no_scale_long"))
    person.look("photo_set")
    person.press("a")
    person.press("ArrowDown", "Enter")
    expect(person.page.locator('.finding-row[data-state="added"]')).to_have_count(1, timeout=PATIENCE_MS)


def _books_tell(storage: Path) -> None:
    store = YardStore.open(storage, ledger_url(storage), RecipeGrading(load_yard_recipe()))
    try:
        (line,) = store.rails()
        view = store.rail(line.rail_id)
    finally:
        store.close()
    assert (view.kind, view.wagon_id, view.grade.grade) == ("photos", 1, "human")
    assert [(entry.kind, entry.by) for entry in view.corrections] == [("add", PERSON)]
    assert all(finding.length_mm is None and finding.start_m is None for finding in view.findings)
    (answer,) = (storage / "photos").glob("*.json")
    told = json.loads(answer.read_text(encoding="utf-8"))
    assert (told["state"], len(told["photos"])) == ("done", 3)
    # The picture without a rail is named as such.
    assert [one["rail_found"] for one in told["photos"] if one["file"].endswith("sky.png")] == [False]
