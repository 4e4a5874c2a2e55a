"""Acts over HTTP: the draft, signing with the password asked again, papers in every form, superseding."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from edge_runtime.people.roles import Role
from tests.edge.page.conftest import PASSWORD, PageUser
from tests.edge.page.yard_client import YardDesk, open_desk
from tests.edge.page.yard_samples import INSPECTOR, wagon_fields
from tests.edge.yard.yard_books import age

EVIL = '<script>alert("1")</script>'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[YardDesk]:
    with open_desk(tmp_path) as opened:
        yield opened


def decide(desk: YardDesk, user: PageUser) -> None:
    """The wagon's one rail, decided by a person."""
    assert desk.change(user, {"kind": "assign", "wagon_id": desk.wagon}).status_code == 200
    graded = {"kind": "override_grade", "grade": "downgraded", "reason": "looked at it"}
    assert desk.change(user, graded, 1).status_code == 200


def ask_to_sign(desk: YardDesk, user: PageUser, **changed: Any) -> Any:
    draft = user.get(f"/api/yard/wagons/{desk.wagon}/draft").json()
    body = {"password": PASSWORD, "seen_sha256": draft["sha256"], "name": "Е. Ержанов"}
    return user.post(f"/api/yard/wagons/{desk.wagon}/sign", {**body, **changed})


def test_an_act_is_signed_once_and_by_who_is_there(desk: YardDesk) -> None:
    user = desk.user("inspector")
    lacking = ask_to_sign(desk, user)
    assert (lacking.status_code, lacking.json()["code"]) == (409, "yard_act_missing")
    assert "rails" in lacking.json()["values"]["missing"]
    decide(desk, user)
    wrong = ask_to_sign(desk, user, password="not mine")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_own_password")
    stale = ask_to_sign(desk, user, seen_sha256="0" * 64)
    assert stale.json()["code"] == "yard_draft_changed"
    signed = ask_to_sign(desk, user)
    assert signed.status_code == 200, signed.text
    act = signed.json()["act"]
    assert (act["number"], act["signed_by"]) == (1, "inspector")
    again = ask_to_sign(desk, user)
    assert (again.status_code, again.json()["code"]) == (409, "yard_already_signed")
    assert user.get(f"/api/yard/wagons/{desk.wagon}").json()["wagon"]["act"] == {
        "year": act["year"],
        "number": 1,
    }
    listed = user.get("/api/yard/acts").json()["acts"]
    assert [(line["number"], line["superseded_by"]) for line in listed] == [(1, None)]


@pytest.mark.parametrize("role", ["data", "operator"])
def test_who_may_not_sign_does_not(desk: YardDesk, role: Role) -> None:
    decide(desk, desk.user("inspector"))
    answer = ask_to_sign(desk, desk.user(role))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert desk.store.acts() == []


def test_a_signed_act_is_superseded_not_changed(desk: YardDesk) -> None:
    user = desk.user("inspector")
    decide(desk, user)
    first = ask_to_sign(desk, user).json()["act"]
    old = {"year": first["year"], "number": 1}
    wagon = desk.store.wagon(desk.wagon)
    desk.store.change_wagon(
        desk.wagon, wagon_fields(contract="№ 18"), INSPECTOR, seen_revision=wagon.revision
    )
    query = f"year={old['year']}&number=1&reason=wrong contract"
    draft = user.get(f"/api/yard/wagons/{desk.wagon}/draft?{query}").json()
    second = ask_to_sign(
        desk, user, seen_sha256=draft["sha256"], supersedes=old, reason="wrong contract"
    ).json()["act"]
    assert (second["number"], second["supersedes"]) == (2, old)
    listed = user.get("/api/yard/acts").json()["acts"]
    assert [(line["number"], line["superseded_by"]) for line in listed] == [
        (2, None),
        (1, {"year": old["year"], "number": 2}),
    ]
    paper = user.get(f"/yard/acts/{old['year']}/1.html?language=ru").text
    assert "№ 17" in paper
    assert f"2/{old['year']}" in paper
    assert "№ 18" not in paper


def test_a_printed_act_carries_the_hash_of_what_was_signed(desk: YardDesk) -> None:
    user = desk.user("inspector")
    decide(desk, user)
    draft = user.get(f"/api/yard/wagons/{desk.wagon}/draft").json()
    assert draft["sha256"] in user.get(f"/yard/wagons/{desk.wagon}/draft.html?language=ru").text
    act = ask_to_sign(desk, user).json()["act"]
    path = f"/yard/acts/{act['year']}/1"
    assert act["sha256"] in user.get(f"{path}.html?language=kk").text
    assert act["sha256"] in user.get(f"{path}.csv?language=en").text
    # A later version of the program prints what was signed then, not what it would write itself.
    kept = age(desk.store, desk.store.act(act["year"], 1))
    assert kept != desk.store.act(act["year"], 1).content.sha256()
    for form in ("html", "csv"):
        assert kept in user.get(f"{path}.{form}?language=ru").text


def test_papers_come_in_every_form_and_hold_no_markup_of_data(desk: YardDesk) -> None:
    user = desk.user("inspector")
    wagon = desk.store.wagon(desk.wagon)
    desk.store.change_wagon(desk.wagon, wagon_fields(supplier=EVIL), INSPECTOR, seen_revision=wagon.revision)
    decide(desk, user)
    path = f"/yard/wagons/{desk.wagon}/draft"
    page = user.get(f"{path}.html?language=kk")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert 'lang="kk"' in page.text
    assert "sandbox" in page.headers["content-security-policy"]
    assert user.get(f"{path}.pdf?language=ru").content.startswith(b"%PDF")
    table = user.get(f"{path}.csv?language=en")
    assert "attachment" in table.headers["content-disposition"]
    assert EVIL.replace('"', '""') in table.content.decode("utf-8-sig")
    book = openpyxl.load_workbook(io.BytesIO(user.get(f"{path}.xlsx?language=ru").content))
    cells = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert any(EVIL in cell for cell in cells)
    assert user.get(f"{path}.docx").status_code == 404
    assert user.get("/yard/acts/2026/77.pdf").json()["code"] == "yard_no_such_act"
    missing = user.http.get("/yard/acts/2026/77.html?language=ru", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert "Такого акта нет" in missing.text


def test_papers_are_for_who_may_read_reports(desk: YardDesk) -> None:
    stranger = desk.anybody()
    assert stranger.get(f"/yard/wagons/{desk.wagon}/draft.pdf").status_code == 401
    assert stranger.get("/yard/acts/2026/1.pdf").status_code == 401
