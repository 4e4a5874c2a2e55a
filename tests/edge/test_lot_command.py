"""`ferrogate lot` through the command line's own entry."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pypdf import PdfReader

from edge_runtime.cli import main
from edge_runtime.ledger.store import ledger_url, open_ledger
from edge_runtime.lots import tables
from tests.edge.lot_samples import LOT, balls, make_ledger, recipe, session

READINGS = ("--surface", "60,61,59,60", "--quarter", "58,58,58,58", "--half", "56,56,56,56")
INNER = ("--three-quarter", "54,54,54,54", "--centre", "52,52,52,52")


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, bytes]:
    """Ledgers with one lot, judged by an unverified and by a verified recipe."""
    files = {}
    for verified in (False, True):
        used = recipe(verified=verified)
        folder = make_ledger(tmp_path_factory.mktemp("lot"), [session(used), *balls(used, per_s=12.0)])
        files[verified] = (folder / "ledger.sqlite").read_bytes()
    return files


@pytest.fixture
def unverified(tmp_path: Path, ledgers: dict[bool, bytes]) -> Path:
    (tmp_path / "ledger.sqlite").write_bytes(ledgers[False])
    return tmp_path


@pytest.fixture
def verified(tmp_path: Path, ledgers: dict[bool, bytes]) -> Path:
    (tmp_path / "ledger.sqlite").write_bytes(ledgers[True])
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["lot", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    code, out, err = _run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def _pdf_text(path: Path) -> str:
    return "\n".join(page.extract_text().replace("\u00a0", " ") for page in PdfReader(path).pages)


def test_list_and_show(verified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["lot"] for row in _json(capsys, verified, "list")["lots"]] == [LOT]
    data = _json(capsys, verified, "show", LOT, "--period", "1.25")
    assert (data["balls"], data["accepted"], data["reasons"]) == (60, 54, {"crack": 6})
    assert data["unverified_limits"] == []
    assert [len(data["wear"][name]) for name in ("learned", "points")] == [2, 2]
    code, out, _ = _run(capsys, verified, "show", LOT)
    assert code == 0
    assert "accepted 54" in out
    assert "crack" in out


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
def test_chart_in_each_language(verified: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    out = verified / "lot.html"
    _json(capsys, verified, "chart", LOT, "--out", out, "--language", language, "--period", "1.25")
    page = out.read_text("utf-8")
    assert page.count("<svg") == 4
    assert f'lang="{language}"' in page


def test_hardness_is_entered_and_corrected(verified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = (verified, "hardness", LOT, "--by", "A. Person", "--date", "2026-03-01", "--ball", "1")
    first = _json(capsys, *common, *READINGS, *INNER)
    expected = 0.289 * 60 + 0.436 * 58 + 0.203 * 56 + 0.063 * 54 + 0.009 * 52
    assert first["volume_hrc"] == pytest.approx(expected)
    assert not first["formula_verified"]
    assert first["lot_in_ledger"]
    code, _, err = _run(capsys, *common, *READINGS)
    assert (code, f"has hardness entry {first['id']} already" in err) == (2, True)
    second = _json(capsys, *common, "--surface", "50,51", "--supersedes", first["id"])
    entries = _json(capsys, verified, "show", LOT)["hardness"]
    assert [entry["id"] for entry in entries] == [second["id"]]
    assert entries[0]["mean_hrc"] == {"surface": 50.5}


def test_plan_and_results_follow_the_switching_rules(
    verified: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _json(capsys, verified, "plan", LOT, "--aql", "4", "--lot-size", "28512")
    assert (plan["letter"], plan["sample_size"], plan["accept"], plan["severity"]) == ("M", 315, 21, "normal")
    assert plan["repeat_plan"]["p_accept"]["0.05"] == pytest.approx(0.9935, abs=1e-4)
    result = (verified, "sample-result", "--lot-size", "28512", "--by", "A", "--nonconforming")
    for lot in ("lot 1", "lot 2"):
        done = _json(capsys, *result[:2], lot, *result[2:], "22")
        assert not done["passed"]
    tightened = _json(capsys, verified, "plan", LOT, "--lot-size", "28512")
    assert (tightened["severity"], tightened["accept"]) == ("tightened", 18)
    assert _json(capsys, verified, "plan", LOT)["lot_size"] == 54  # the balls that were accepted
    own = _json(capsys, *result[:2], LOT, *result[2:], "1", "--repeat-plan", "1")
    assert (own["sample_size"], own["accept"], own["passed"]) == (10, 1, True)


def test_unverified_limits_make_a_draft_that_cannot_be_signed(
    unverified: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = unverified / "cert.pdf"
    words = ("certificate", LOT, "--maker", "Plant", "--by", "A", "--language", "ru")
    data = _json(capsys, unverified, *words, "--out", out)
    assert (data["number"], data["can_be_signed"]) == (None, False)
    assert "unverified" in [doubt["code"] for doubt in data["doubts"]]
    for page in PdfReader(out).pages:
        assert "НЕ ПРОВЕРЕНО" in page.extract_text()
    assert "Начальник ОТК" not in _pdf_text(out)
    table = unverified / "cert.csv"
    _json(capsys, unverified, *words, "--out", table)
    rows = list(csv.reader(io.StringIO(table.read_text("utf-8"))))
    assert rows[1] == ["НЕ ПРОВЕРЕНО", "Этот документ подписывать нельзя."]


def test_certificate_says_what_it_must(verified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    details = verified / "plant.yaml"
    details.write_text(
        yaml.safe_dump(
            {
                "maker": "Plant <b>", "consumer": "Mill", "contract": "K-17", "steel_grade": "K76F",
                "heat": "H123", "chemistry": {"C": 0.76}, "net_mass_kg": 20345.0,
            }
        )
    )  # fmt: skip
    _json(capsys, verified, "hardness", LOT, "--by", "L", "--ball", "1", "--surface", "60,61,59,60")
    out = verified / "cert.pdf"
    words = (verified, "certificate", LOT, "--details", details, "--by", "A. Person", "--out", out)
    data = _json(capsys, *words)
    assert (data["number"], data["can_be_signed"], data["doubts"]) == (1, True, [])
    text = _pdf_text(out)
    for said in (
        "Quality certificate No. 1", "Plant <b>", "Mill", "K-17", "K76F", "H123", "C 0.76 %", "20,345 kg",
        LOT, "Balls accepted 54", "Balls rejected and taken out 6", "crack", "60.0", "Expanded uncertainty",
        "0.080", "Head of quality control", "inside the balls",
    ):  # fmt: skip
        assert said in text, said
    assert "NOT VERIFIED" not in text
    code, _, err = _run(capsys, *words)
    assert code == 2
    assert "has certificate 1 already" in err
    again = _json(capsys, *words, "--supersedes", "1")
    assert again["number"] == 2
    assert "In place of certificate No. 1" in _pdf_text(out)
    old = verified / "old.html"
    reprint = _json(capsys, verified, "certificate", LOT, "--reprint", "1", "--out", old, "--language", "kk")
    assert reprint["superseded_by"] == 2
    assert "№ 1 сапа сертификаты" in old.read_text("utf-8")
    assert [row["superseded_by"] for row in _json(capsys, verified, "show", LOT)["certificates"]] == [2, None]


def test_failed_file_takes_no_number(verified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (verified, "certificate", LOT, "--maker", "Plant", "--by", "A")
    code, _, err = _run(capsys, *words, "--out", verified / "no" / "cert.pdf")
    assert code == 13
    assert "cannot be written" in err
    assert _json(capsys, *words, "--out", verified / "cert.html")["number"] == 1


def test_draft_takes_no_number(verified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = verified / "cert.html"
    words = (verified, "certificate", LOT, "--maker", "Plant", "--by", "A", "--out", out, "--draft")
    assert _json(capsys, *words)["number"] is None
    assert "(draft)" in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "no such lot"), 8, "no ball of lot"),
        (("certificate", LOT, "--by", "A", "--out", "c.pdf"), 2, "maker"),  # nobody made it
        (("certificate", LOT, "--maker", "P", "--by", "A", "--out", "c.docx"), 13, "no form"),
        (
            ("certificate", LOT, "--maker", "P", "--by", "A", "--out", "c.pdf", "--language", "de"),
            2,
            "no language",
        ),
        (("certificate", LOT, "--out", "c.pdf", "--reprint", "9"), 8, "no certificate 9"),
        (("hardness", LOT, "--by", "A", "--ball", "1"), 2, "no reading"),
        (("hardness", LOT, "--by", "A", "--ball", "0", "--surface", "58"), 2, "no ball 0"),
        (("hardness", LOT, "--by", "A", "--ball", "1", "--surface", "5,8"), 2, "not between"),
        (("hardness", LOT, "--by", "A", "--ball", "1", "--surface", "58;59"), 2, "are no readings"),
        (("plan", LOT, "--aql", "3"), 2, "no AQL 3"),
        (("plan", LOT, "--lot-size", "1"), 2, "the least is 2"),
        (("sample-result", LOT, "--by", "A", "--nonconforming", "99"), 2, "do not fit"),
        (("show", LOT, "--period", "0"), 2, "above 0"),
    ],
)
def test_wrong_calls_are_told(
    verified: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, _, err = _run(capsys, verified, *arguments)
    assert (found, message in err) == (code, True), err


def test_no_ledger_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, tmp_path, "list")
    assert code == 8
    assert "there is no ledger yet" in err


def test_own_table_of_the_formula_takes_the_doubt_away(
    verified: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _json(capsys, verified, "hardness", LOT, "--by", "L", "--ball", "1", *READINGS, *INNER)
    words = (
        verified,
        "certificate",
        LOT,
        "--maker",
        "P",
        "--by",
        "A",
        "--out",
        verified / "c.html",
        "--draft",
    )
    assert [doubt["code"] for doubt in _json(capsys, *words)["doubts"]] == ["formula"]
    text = (Path(tables.__file__).parent / "acceptance.yaml").read_text("utf-8")
    own = verified / "own.yaml"
    own.write_text(text.replace("verified: false", "verified: true"))
    assert _json(capsys, *words, "--tables", own)["doubts"] == []


def test_while_a_station_writes_the_laboratory_can_too(
    verified: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_ledger(ledger_url(verified))
    with engine.connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM part").scalar_one() == 60
        assert (
            _json(capsys, verified, "hardness", LOT, "--by", "L", "--ball", "1", "--surface", "58")["id"] == 1
        )
    engine.dispose()
