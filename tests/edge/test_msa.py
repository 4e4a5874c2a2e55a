"""`ferrogate msa` through the command line's own entry: tables, pictures, the twin, reports, errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from edge_runtime.calibrations import save_calibration
from edge_runtime.cli import main
from edge_runtime.studies.tables import DEFAULT_LIMITS
from vision.metrology.calibration import CameraCalibration, CertifiedSphere, Telecentric

HEAD = "part,appraiser,trial,value_mm,reference_mm"
SIDE_PX = 150


def _run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["msa", *(str(word) for word in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code, out, _ = _run(capsys, *arguments, "--json")
    return code, json.loads(out)


def _write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def _readings(spread_mm: float, *, parts: int = 5) -> list[str]:
    """Parts 40.0, 40.2 ...; the readings of a cell lie `spread_mm` below, on and above."""
    return [
        f"{part},{name},{trial},{40.0 + 0.2 * part + spread_mm * (trial - 2):.6f},{40.0 + 0.2 * part:.1f}"
        for part in range(parts)
        for name in ("east", "west")
        for trial in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("spread_mm", "verdict", "code"),
    [
        # readings -s, 0, +s in ten cells: 20 s^2 over 20 + 4 + ... degrees of freedom; 6 sd of 2 mm
        (0.01, "acceptable", 0),
        (0.08, "marginal", 0),
        (0.2, "unacceptable", 9),
    ],
)
def test_gauge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spread_mm: float, verdict: str, code: int
) -> None:
    table = _write(tmp_path / "study.csv", HEAD, *_readings(spread_mm))
    got, found = _json(capsys, "gauge", table, "--tolerance-mm", "2")
    assert (got, found["verdict"]) == (code, verdict)
    # The empty interaction (4 degrees of freedom) is pooled with the 20 of repeatability.
    assert found["ev_sd_mm"] == pytest.approx(spread_mm * (20 / 24) ** 0.5, rel=1e-4)
    assert found["grr_percent_of_tolerance"] == pytest.approx(300.0 * found["grr_sd_mm"])
    assert found["bias"]["bias_mm"] == pytest.approx(0.0, abs=1e-9)
    assert found["linearity"]["zero_inside_band"] is True
    assert found["unverified_limits"]


def test_a_spreadsheets_table_reads_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Semicolons, decimal commas, a byte order mark, other order, capitals, a remark, an empty line."""
    plain = _write(tmp_path / "plain.csv", HEAD, *_readings(0.01))
    lines = ["Value_mm;Lane;Part;Trial;Remark;Reference_mm", ""]
    for line in _readings(0.01):
        part, name, trial, value, reference = line.split(",")
        lines.append(f"{value.replace('.', ',')};{name};{part};{trial};cold;{reference.replace('.', ',')}")
    excel = _write(tmp_path / "excel.csv", *lines, encoding="utf-8-sig")
    _, one = _json(capsys, "gauge", plain)
    _, other = _json(capsys, "gauge", excel)
    assert (one.pop("appraiser_is"), other.pop("appraiser_is")) == ("appraiser", "lane")
    assert one == other


@pytest.mark.parametrize("suffix", [".html", ".pdf", ".csv"])
def test_reports_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    table = _write(tmp_path / "study.csv", HEAD, *_readings(0.01))
    out = tmp_path / f"report{suffix}"
    code, text, err = _run(capsys, "gauge", table, "--tolerance-mm", "2", "--out", out)
    assert (code, err) == (0, "")
    assert f"report: {out}" in text
    assert "acceptable" in text
    data = out.read_bytes()
    start = {".html": b"<!", ".pdf": b"%PDF", ".csv": b"Gauge study"}[suffix]
    assert data.lower().startswith(start.lower())
    if suffix == ".html":
        page = data.decode("utf-8")
        # by part and appraiser, means and ranges, components, linearity
        assert page.count("<svg") == 4
        assert "not verified" in page


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        # a column is missing, and is named
        (("part,trial,value_mm", "1,1,40"), "the table has no column 'appraiser'"),
        (("a,b", "1,2"), "no column 'part', 'appraiser', 'trial', 'value_mm'"),
        # a word instead of a number, with its line
        ((HEAD, "1,A,1,forty,40"), "'value_mm' is no number: 'forty'"),
        ((HEAD, "1,A,1,nan,40"), "'value_mm' is no number"),
        ((HEAD, "1,A,1,40.1,about 40"), "'reference_mm' is no number"),
        ((HEAD, "1,A,1,,40"), "'value_mm' is empty"),
        ((HEAD, ",A,1,40,40"), "'part' is empty"),
        # one appraiser, one part, one trial
        ((HEAD, *(line for line in _readings(0.01) if "east" in line)), "one appraiser only ('east')"),
        ((HEAD, *_readings(0.01, parts=1)), "the study has 1 part"),
        ((HEAD, *(line for line in _readings(0.01) if ",1,4" in line)), "only once by each appraiser"),
        # a hole
        ((HEAD, *_readings(0.01)[:-1]), "part 4, appraiser west: 2 of 3"),
        # nothing below the head; nothing at all
        ((HEAD,), "the table has no readings"),
        (("",), "the table has no readings"),
        # a cell too many; a quote that is not closed
        ((HEAD, "1,A,1,40,1,40"), "the line has 6 cells, the head 5"),
        ((HEAD, '1,"A,1,40,40'), "the table cannot be read"),
        # two columns that may be the appraiser; one column twice
        (("part,lane,shift,trial,value_mm", "1,1,1,1,40"), "which is the appraiser: lane or shift?"),
        (("part,part,appraiser,trial,value_mm", "1,1,1,1,40"), "the column 'part' is there twice"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], message: str
) -> None:
    table = _write(tmp_path / "study.csv", *lines)
    out = tmp_path / "report.html"
    code, text, err = _run(capsys, "gauge", table, "--tolerance-mm", "2", "--out", out)
    assert code == 2
    assert text == ""
    assert message in err.splitlines()[0]
    assert err.count("error:") == 1
    assert not out.exists()


def test_a_wrong_cell_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _write(tmp_path / "study.csv", HEAD, "1,A,1,40.0,40", "", "1,A,2,4o.1,40")
    _, _, err = _run(capsys, "gauge", table)
    assert f"{table}, line 4" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # an empty tolerance
        (("gauge", "study.csv", "--tolerance-mm", "0"), "the tolerance is empty"),
        (("gauge", "study.csv", "--tolerance-mm", "-1"), "the tolerance is empty"),
        (("gauge", "study.csv", "--tolerance-mm", "nan"), "the tolerance is empty"),
        (("gauge", "study.csv", "--tolerance-mm", ""), "this is no number"),
        (("twin", "--tolerance-mm", "0"), "the tolerance is empty"),
        # Cg without a tolerance; with two references
        (("gauge", "study.csv", "--type1"), "there is none"),
        (
            ("gauge", "study.csv", "--type1", "--tolerance-mm", "2"),
            "needs one part's reference, found: 40, 40.2",
        ),
        # no such file; not text
        (("gauge", "nowhere.csv"), "cannot be read: No such file"),
        (("gauge", "bytes.csv"), "no text in UTF-8"),
        # a report of no known form
        (("gauge", "study.csv", "--out", "report.docx"), "names no form of a report"),
        # limits that are none
        (("gauge", "study.csv", "--limits", "study.csv"), "these are no limits: the file"),
        (("gauge", "study.csv", "--limits", "limits.yaml"), "gauge.ndc_min"),
        # sizes of the twin's study
        (("twin", "--parts", "1"), "1 parts cannot be"),
        (("twin", "--seed", "-1"), "-1 seed cannot be"),
        (("twin", "--draws", "3"), "3 draws cannot be"),
        # pictures without a scale, with two, with one that cannot be
        (("pictures", "."), "one of the arguments --mm-per-px --calibration is required"),
        (("pictures", "taken", "--mm-per-px", "0"), "a scale of 0.0 mm per pixel cannot be"),
        (("pictures", ".", "--mm-per-px", "0.1"), "the folder holds no picture"),
        (("pictures", "odd", "--mm-per-px", "0.1"), "name does not say part, orientation and trial"),
    ],
)
def test_arguments_that_cannot_be_used(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "study.csv", HEAD, *_readings(0.01))
    (tmp_path / "bytes.csv").write_bytes(b"part\xff\xfe")
    limits = DEFAULT_LIMITS.read_text(encoding="utf-8").replace(
        "ndc_min: {value: 5.0", "ndc_min: {value: five"
    )
    _write(tmp_path / "limits.yaml", limits)
    for folder, name in (("taken", "1_a_1.png"), ("odd", "ball.png")):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / name), np.zeros((40, 40), np.uint8))
    code, _, err = _run(capsys, *arguments)
    assert code in (2, 13)
    assert message in err.splitlines()[0]


def test_errors_are_one_object_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = _json(capsys, "gauge", tmp_path / "nowhere.csv")
    assert code == 2
    assert set(found) == {"error", "where", "todo"}


def test_type_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = [f"{40.0 + 0.01 * (-1) ** number},{'40.0' if number == 0 else ''}" for number in range(20)]
    table = _write(tmp_path / "one.csv", "value_mm,reference_mm", *values)
    out = tmp_path / "one.html"
    code, found = _json(capsys, "gauge", table, "--type1", "--tolerance-mm", "2", "--out", out)
    assert (code, found["verdict"]) == (0, "acceptable")
    assert found["cg"] == pytest.approx(0.4 / (6.0 * 0.01 * (20 / 19) ** 0.5))
    assert found["cg"] == pytest.approx(found["cgk"])
    assert "<svg" in out.read_text(encoding="utf-8")


def _decisions(wrong: set[tuple[int, str, int]], *, parts: int = 20) -> list[str]:
    """Every other part is bad; `wrong` lists decisions (part, appraiser, trial) that miss the reference."""
    lines = ["part,appraiser,trial,verdict,reference"]
    for part in range(parts):
        for name in ("station", "Serik"):
            for trial in (1, 2):
                rejected = (part % 2 == 1) is not ((part, name, trial) in wrong)
                word = ("reject", "NOK")[trial - 1] if rejected else ("accept", "good")[trial - 1]
                lines.append(f"{part},{name},{trial},{word},{'bad' if part % 2 else 'ok'}")
    return lines


@pytest.mark.parametrize(
    ("wrong", "verdict", "code"),
    [
        (set(), "acceptable", 0),
        # one good part of ten rejected once: false alarm 5 %, effectiveness 95 %
        ({(0, "Serik", 1)}, "acceptable", 0),
        # one bad part of ten accepted once: miss 5 %
        ({(1, "Serik", 1)}, "marginal", 0),
        # twice: miss 10 %
        ({(1, "Serik", 1), (1, "Serik", 2)}, "unacceptable", 9),
    ],
)
def test_attribute(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: set[tuple[int, str, int]],
    verdict: str,
    code: int,
) -> None:
    table = _write(tmp_path / "decisions.csv", *_decisions(wrong))
    out = tmp_path / "report.html"
    got, found = _json(capsys, "attribute", table, "--out", out)
    assert (got, found["verdict"]) == (code, verdict)
    station, serik = found["appraisers"]
    assert (station["kappa"], station["effectiveness"]["share"]) == (1.0, 1.0)
    assert serik["miss"]["hits"] + serik["false_alarm"]["hits"] == len(wrong)
    # Ten bad parts prove nothing, whatever was counted.
    assert serik["at_worst"] == "unacceptable"
    assert out.read_text(encoding="utf-8").count("<svg") == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("part,appraiser,trial,verdict", "1,A,1,ok"), "the table has no column 'reference'"),
        ((_decisions(set())[0], "1,A,1,maybe,bad"), "'verdict' is no decision: 'maybe'"),
        # manuals differ on which of the two is which
        ((_decisions(set())[0], "1,A,1,1,bad"), "'verdict' is no decision: '1'"),
        (tuple(_decisions(set())[:-1]), "decisions are missing: part 19, appraiser Serik, trial 2"),
        (tuple(line for line in _decisions(set()) if "bad" not in line), "no part of the study is bad"),
    ],
)
def test_attribute_tables_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], message: str
) -> None:
    code, _, err = _run(capsys, "attribute", _write(tmp_path / "decisions.csv", *lines))
    assert code == 2
    assert message in err.splitlines()[0]


def _picture(path: Path, diameter_px: float, rng: np.random.Generator) -> None:
    centre = (SIDE_PX / 2.0 + float(rng.uniform(-4, 4)), SIDE_PX / 2.0 + float(rng.uniform(-4, 4)))
    cv2.imwrite(str(path), draw(Shape(centre, diameter_px), SIDE_PX, SIDE_PX, Exposure(), rng))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three balls of 100, 102, 104 px, two orientations, two pictures each."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "taken"
    folder.mkdir()
    for part in range(3):
        for name in ("a", "b"):
            for trial in (1, 2):
                _picture(folder / f"{part}_{name}_{trial}.png", 100.0 + 2.0 * part, rng)
    return folder


def test_pictures_of_a_folder(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = pictures / "readings.csv"
    code, found = _json(
        capsys, "pictures", pictures, "--mm-per-px", "0.4", "--tolerance-mm", "2", "--readings", kept
    )
    assert (code, found["pictures"], found["verdict"]) == (0, 12, "acceptable")
    assert found["appraiser_is"] == "orientation"
    assert found["pv_sd_mm"] == pytest.approx(0.8, rel=0.05)
    # One pixel is 0.4 mm; the gauge's own spread is a hundredth of a pixel or so.
    assert found["grr_sd_mm"] < 0.02
    _, again = _json(capsys, "gauge", kept, "--tolerance-mm", "2")
    assert again["grr_sd_mm"] == pytest.approx(found["grr_sd_mm"], rel=0.01)


def test_pictures_of_a_list(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Paths are told from the list's own folder; references make a bias."""
    lines = ["part,orientation,trial,path,reference_mm"]
    for path in sorted(pictures.glob("*.png")):
        part, name, trial = path.stem.split("_")
        lines.append(f"{part},{name},{trial},{path.name},{40.0 + 0.8 * int(part)}")
    table = _write(pictures / "list.csv", *lines)
    code, found = _json(capsys, "pictures", table, "--mm-per-px", "0.4", "--value", "feret-mean")
    assert code == 0
    assert abs(found["bias"]["bias_mm"]) < 0.02
    assert found["grr_percent_of_tolerance"] is None


@pytest.mark.parametrize(
    ("width_px", "code", "message"),
    [
        (SIDE_PX, 0, ""),
        # of another picture size
        (SIDE_PX + 1, 2, f"{SIDE_PX}"),
    ],
)
def test_pictures_with_a_calibration(
    pictures: Path, capsys: pytest.CaptureFixture[str], width_px: int, code: int, message: str
) -> None:
    sphere = CertifiedSphere(
        certificate="1", diameter_mm=40.0, u_mm=0.001, pictures=5, measured_px=100.0, u_measured_px=0.01,
        residual_mm=0.0,
    )  # fmt: skip
    calibration = CameraCalibration(
        camera="left", width_px=width_px, height_px=SIDE_PX, model=Telecentric(mm_per_px=0.4),
        covariance=((0.0, 0.0, 0.0),) * 3, spheres=(sphere,) * 3, residual_rms_mm=0.0, degrees_of_freedom=2,
        date=datetime.now(UTC).date().isoformat(), valid_days=2, operator="a person", celsius=20.0,
        software_version="0",
    )  # fmt: skip
    path = pictures.parent / "left.calibration.yaml"
    save_calibration(calibration, path)
    got, out, err = _run(capsys, "pictures", pictures, "--calibration", path, "--temperature", "80")
    assert got == code
    assert message in err
    assert ("acceptable" in out) is (code == 0)


def test_a_picture_without_a_ball_spoils_the_study_by_name(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(pictures / "1_b_2.png"), np.full((SIDE_PX, SIDE_PX), 230, np.uint8))
    code, _, err = _run(capsys, "pictures", pictures, "--mm-per-px", "0.4")
    assert code == 2
    assert "1 of 12 pictures give no number: 1_b_2.png: no_ball" in err


@pytest.mark.long
def test_a_study_on_the_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small: four balls; the truth is known, so bias and stated uncertainty are checked too."""
    out, kept = tmp_path / "twin.html", tmp_path / "readings.csv"
    code, found = _json(
        capsys, "twin", "--parts", "4", "--orientations", "2", "--trials", "2", "--draws", "300",
        "--out", out, "--readings", kept,
    )  # fmt: skip
    assert (code, found["verdict"]) == (0, "acceptable")
    assert found["grr_percent_of_tolerance"] < 10.0
    twin = found["twin"]
    assert twin["passages"] == 16
    assert abs(twin["error_mean_mm"]) < 0.03
    # Sixteen errors know their own spread to a fifth.
    assert 0.5 < twin["stated_over_observed"] < 2.0
    assert 0.8 < twin["budget_over_monte_carlo"]["min"] <= twin["budget_over_monte_carlo"]["max"] < 1.25
    assert out.read_text(encoding="utf-8").count("<svg") == 5
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 17
