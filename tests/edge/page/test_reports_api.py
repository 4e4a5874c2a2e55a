"""Reports over HTTP: lists, files in three forms, who may, names that do harm; one at a time, and kept."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pypdf import PdfReader

from edge_runtime.ledger.alarms import acknowledge_alarm
from edge_runtime.ledger.store import ledger_url, open_ledger, writing
from edge_runtime.page.context import PageContext
from edge_runtime.page.errors import PageError
from edge_runtime.page.headers import REPORT_POLICY
from edge_runtime.page.report_desk import KEPT_MAX, WAITING_MAX, ReportDesk
from edge_runtime.page.report_order import ReportJob
from edge_runtime.people.roles import Role
from tests.edge.page.conftest import PageUser
from tests.edge.shifts.shift_samples import LOTS, SHIFT, make_shift

pytestmark = pytest.mark.long

#: stands for the process: writes its job's language into the file
WRITER = (
    sys.executable,
    "-c",
    "import json, sys; job = json.load(sys.stdin); open(job['out'], 'w').write(job['language'])",
)
#: stands for a process that failed and says why
TELLS = 'print(\'{"what": "no room", "where": "disk", "todo": "make room"}\')'


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, bytes]:
    """Ledgers with a night shift, by whether it is closed."""
    files = {}
    for close in (True, False):
        folder = tmp_path_factory.mktemp("night")
        make_shift(folder, balls=120, close=close, pictures=False)
        files[close] = (folder / "ledger.sqlite").read_bytes()
    return files


def _put_ledger(context: PageContext, ledgers: dict[bool, bytes], *, close: bool = True) -> None:
    context.storage.mkdir(parents=True, exist_ok=True)
    (context.storage / "ledger.sqlite").write_bytes(ledgers[close])


@pytest.fixture
def reader(
    page_context: PageContext, ledgers: dict[bool, bytes], page_client: Callable[[Role], PageUser]
) -> PageUser:
    """A browser of the data team, who may read reports and do nothing else."""
    _put_ledger(page_context, ledgers)
    return page_client("data")


def test_lists_are_newest_first_with_counts(reader: PageUser) -> None:
    shifts = reader.get("/api/shifts").json()["shifts"]
    assert [row["name"] for row in shifts] == [SHIFT]
    counts = shifts[0]["counts"]
    terms = ("accepted", "rejected", "bypassed", "open", "challenge")
    assert counts["parts"] == sum(counts[term] for term in terms) == shifts[0]["parts"]
    assert shifts[0]["closed_utc_ms"] > shifts[0]["opened_utc_ms"]
    lots = reader.get("/api/lots?limit=5").json()["lots"]
    assert {row["name"] for row in lots} >= set(LOTS)
    assert reader.get("/api/shifts?before=1").json() == {"shifts": []}
    assert reader.get("/api/shifts?limit=0").status_code == 422


@pytest.mark.parametrize(
    ("form", "media", "kind"),
    [
        ("html", "text/html", "inline"),
        ("pdf", "application/pdf", "inline"),
        ("csv", "text/csv", "attachment"),
    ],
)
def test_shift_in_each_form(reader: PageUser, form: str, media: str, kind: str) -> None:
    answer = reader.get(f"/reports/shift/1.{form}?language=kk")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(media)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith(f'{kind}; filename="1 ')
    assert disposition.endswith(f"; filename*=UTF-8''{quote('1 Ночная _b_әіңғүұқөһ_b_', safe='')}.{form}")
    if form == "html":
        _check_page(answer)
    if form == "pdf":
        text = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    else:
        text = answer.content.decode("utf-8-sig")
    assert "ауысымы" in text
    assert "әіңғүұқөһ" in text


def _check_page(answer: Any) -> None:
    """It may load nothing and run nothing."""
    assert answer.headers["content-security-policy"] == REPORT_POLICY
    assert "sandbox" in REPORT_POLICY
    assert "allow-scripts" not in REPORT_POLICY
    assert "script-src" not in REPORT_POLICY  # and so 'none', by default-src
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_lots_of_any_name(reader: PageUser) -> None:
    answer = reader.get(f"/reports/lot/{quote(LOTS[1], safe='')}.csv?language=en")
    assert answer.status_code == 200, answer.text
    assert LOTS[1] in answer.content.decode("utf-8-sig")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/shift/2.pdf",  # no such shift
        "/reports/shift/1.docx",  # no such form
        "/reports/shift/1",
        "/reports/shift/-1.pdf",
        "/reports/shift/99999999999999999999999.pdf",  # no number of a row
        "/reports/shift/%D9%A1.pdf",  # an Arabic one is no number here
        "/reports/lot/no%20such.html",
        "/reports/lot/..%2F..%2Fetc%2Fpasswd.csv",
        "/reports/commission/missing.pdf",
        "/reports/commission/..%2Fledger.sqlite",
        "/reports/commission/.hidden.html",
        "/reports/commission/notes.txt",
        "/reports/commission/link.html",  # leads out of the folder
    ],
)
def test_what_is_not_there_is_told(reader: PageUser, page_context: PageContext, path: str) -> None:
    folder = page_context.storage / "commissioning"
    folder.mkdir()
    for name in ("notes.txt", ".hidden.html"):
        (folder / name).write_text("x")
    (folder / "link.html").symlink_to(page_context.storage / "ledger.sqlite")
    answer = reader.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_papers_of_the_commissioning(reader: PageUser, page_context: PageContext) -> None:
    folder = page_context.storage / "commissioning"
    folder.mkdir()
    (folder / "line-1_2026-03-01.html").write_text("<p>done</p>")
    answer = reader.get("/reports/commission/line-1_2026-03-01.html")
    assert answer.text == "<p>done</p>"
    assert answer.headers["content-security-policy"] == REPORT_POLICY


def test_signed_out_is_told_in_the_readers_language(
    anybody: PageUser, page_context: PageContext, ledgers: dict[bool, bytes]
) -> None:
    _put_ledger(page_context, ledgers)
    answer = anybody.get("/reports/shift/1.pdf")
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    anybody.headers["Accept"] = "text/html,*/*"
    page = anybody.get("/reports/shift/1.pdf?language=ru")
    assert page.status_code == 401
    assert page.headers["content-type"].startswith("text/html")
    assert 'lang="ru"' in page.text
    assert anybody.get("/reports/shift/1.pdf?language=de").status_code == 422


def test_without_a_ledger(page_client: Callable[[Role], PageUser]) -> None:
    user = page_client("foreman")
    for path in ("/api/shifts", "/api/lots", "/reports/shift/1.pdf", "/reports/lot/x.pdf"):
        answer = user.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "no_ledger"), path


def test_an_open_shift_is_made_anew_each_time(
    page_context: PageContext, ledgers: dict[bool, bytes], page_client: Callable[[Role], PageUser]
) -> None:
    _put_ledger(page_context, ledgers, close=False)
    user = page_client("operator")
    pages = [user.get("/reports/shift/1.html?language=en").text for _ in range(2)]
    assert all("INTERIM" in page for page in pages)


def test_a_closed_one_is_kept_until_something_changes(
    reader: PageUser, page_context: PageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ReportJob] = []
    make = ReportDesk._make

    def counted(self: ReportDesk, job: ReportJob) -> None:
        made.append(job)
        make(self, job)

    monkeypatch.setattr(ReportDesk, "_make", counted)
    first, again = (reader.get("/reports/shift/1.html?language=en").text for _ in range(2))
    assert first == again
    assert len(made) == 1
    engine = open_ledger(ledger_url(page_context.storage))
    with writing(engine) as connection:
        assert acknowledge_alarm(connection, 2, "Late Reader", 1, "")
    engine.dispose()
    assert "Late Reader" in reader.get("/reports/shift/1.html?language=en").text
    assert len(made) == 2


def _job(name: str = "1") -> ReportJob:
    return ReportJob(
        kind="shift", name=name, language="ru", out=Path(), storage=Path(), url="", utc_offset_hours=5.0,
        challenge=None,
    )  # fmt: skip


def test_desk_makes_one_at_a_time_and_lets_few_wait(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = "import time, json, sys, pathlib\njob = json.load(sys.stdin)\n"
    waits += f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
    waits += "open(job['out'], 'w').write('done')"
    desk = ReportDesk((sys.executable, "-c", waits))
    results: list[str] = []

    def ask(name: str) -> None:
        try:
            results.append(desk.report(_job(name), ".csv", "same").path.read_text())
        except PageError as error:
            results.append(f"{error.status} {error.code} {error.headers['Retry-After']}")

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(WAITING_MAX + 3)]
    for thread in threads:
        thread.start()
    while results.count("503 reports_busy 10") < 2:  # one is made, three wait, two are sent away
        time.sleep(0.01)
    gate.touch()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["503 reports_busy 10"] * 2 + ["done"] * (WAITING_MAX + 1)
    desk.close()


def test_desk_keeps_few_files_and_deletes_them_at_the_end() -> None:
    desk = ReportDesk(WRITER)
    made = [desk.report(_job(str(number)), ".csv", "c").path for number in range(KEPT_MAX + 2)]
    assert not made[0].exists()
    assert made[-1].read_text() == "ru"
    assert len(list(made[-1].parent.iterdir())) == KEPT_MAX
    desk.close()
    assert not made[-1].parent.exists()
    with pytest.raises(PageError, match="being stopped"):
        desk.report(_job("new"), ".csv", "c")


def test_desk_looks_for_old_files_while_others_go(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = ReportDesk(WRITER)
    first = desk.report(_job("one"), ".csv", None).path
    list_folder = Path.iterdir

    def then_it_is_sent(folder: Path) -> Iterator[Path]:
        found = list(list_folder(folder))
        first.unlink(missing_ok=True)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", then_it_is_sent)
    assert desk.report(_job("two"), ".csv", "c").path.read_text() == "ru"
    monkeypatch.undo()
    desk.close()


@pytest.mark.parametrize(
    ("program", "timeout_s", "status", "message"),
    [
        ("raise SystemExit(3)", 60.0, 500, "ended with code 3"),
        (TELLS + "; raise SystemExit(13)", 60.0, 500, "no room"),
        ("import time; time.sleep(60)", 1.0, 504, "not ready after 1 s"),
    ],
)
def test_desk_tells_what_went_wrong(program: str, timeout_s: float, status: int, message: str) -> None:
    desk = ReportDesk((sys.executable, "-c", program), timeout_s)
    with pytest.raises(PageError, match=message) as failed:
        desk.report(_job(), ".pdf", "c")
    assert failed.value.status == status
    assert failed.value.code == "report_failed"
    desk.close()


def test_desk_ends_a_process_when_the_page_stops() -> None:
    desk = ReportDesk((sys.executable, "-c", "import time; time.sleep(60)"))
    failures: list[str] = []

    def ask() -> None:
        with pytest.raises(PageError) as failed:
            desk.report(_job(), ".pdf", None)
        failures.append(failed.value.code)

    thread = threading.Thread(target=ask)
    thread.start()
    while desk._process is None:
        time.sleep(0.01)
    desk.close()
    thread.join()
    assert failures == ["report_failed"]
