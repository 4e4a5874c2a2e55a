"""`ferrogate calibrate` from pictures to files: drawn spheres, a drawn board, a daily check."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.bench.silhouettes import Exposure, Shape, draw
from edge_runtime.calibrations import load_calibration, read_checks, save_calibration, save_lens
from edge_runtime.cli import main
from tests.vision.outlines import lens
from vision.metrology.calibration import Pinhole
from vision.metrology.perspective import sphere_centre_mm, sphere_ellipse

WIDTH, HEIGHT = 560, 480
MM_PER_PX = 0.15
CAMERA = Pinhole(
    mm_per_px=MM_PER_PX,
    distance_mm=500.0,
    reference_diameter_mm=40.0,
    principal_point_xy_px=(WIDTH / 2.0, HEIGHT / 2.0),
)
SIZES = (20.0, 30.0, 40.0, 60.0)


def _draw(path: Path, shape: Shape, rng: np.random.Generator, width_px: int = WIDTH) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), draw(shape, HEIGHT, width_px, Exposure(), rng))
    return path


def _flat_sphere(path: Path, diameter_mm: float, rng: np.random.Generator, width_px: int = WIDTH) -> Path:
    """As a telecentric lens draws it."""
    x, y = rng.uniform(-15.0, 15.0, 2)
    return _draw(path, Shape((WIDTH / 2.0 + x, HEIGHT / 2.0 + y), diameter_mm / MM_PER_PX), rng, width_px)


def _pinhole_sphere(path: Path, diameter_mm: float, rng: np.random.Generator) -> Path:
    """The true perspective silhouette, an ellipse (its fourth harmonic is below 0.001 px here)."""
    x_mm, y_mm = rng.uniform(-6.0, 6.0, 2)
    ellipse = sphere_ellipse(
        CAMERA, sphere_centre_mm(CAMERA, x_mm, y_mm, diameter_mm / 2.0), diameter_mm / 2.0
    )
    assert ellipse is not None
    major, minor = ellipse.semi_major_px, ellipse.semi_minor_px
    shape = Shape(
        ellipse.centre_xy_px,
        major + minor,
        oval_px=2.0 * (major - minor),
        oval_phase_rad=ellipse.direction_rad,
    )
    return _draw(path, shape, rng)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of each size through a telecentric lens."""
    folder, rng = tmp_path_factory.mktemp("flat"), np.random.default_rng(1)
    for size in SIZES:
        for number in range(3):
            _flat_sphere(folder / f"{size:g}" / f"{number}.png", size, rng)
    return folder


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of each size through a pinhole."""
    folder, rng = tmp_path_factory.mktemp("deep"), np.random.default_rng(2)
    for size in SIZES:
        for number in range(3):
            _pinhole_sphere(folder / f"{size:g}" / f"{number}.png", size, rng)
    return folder


def _scale(folder: Path, out: Path, *more: str, sizes: tuple[float, ...] = SIZES) -> list[str]:
    words = ["calibrate", "scale", "--camera", "left", "--operator", "A. Serik", "--temperature", "20"]
    for size in sizes:
        words += ["--sphere", f"{size:.3f}:0.001:CERT-{size:g}:{folder / f'{size:g}'}"]
    return [*words, "--out", str(out), "--json", *more]


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


@pytest.fixture(scope="module")
def left(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A telecentric calibration file."""
    out = tmp_path_factory.mktemp("files") / "left.calibration.yaml"
    assert main(_scale(flat, out, "--camera-serial", "SN 77")) == 0
    return out


def test_telecentric_scale(left: Path) -> None:
    made = load_calibration(left)
    assert made.model.type == "telecentric"
    assert made.model.mm_per_px == pytest.approx(MM_PER_PX, rel=2e-4)
    assert abs(made.model.mm_per_px - MM_PER_PX) < 4.0 * made.u_mm_per_px
    assert abs(made.edge_offset_px) < 0.03
    assert (made.camera, made.camera_serial, made.operator) == ("left", "SN 77", "A. Serik")
    assert (made.width_px, made.height_px) == (WIDTH, HEIGHT)
    assert made.date == date.today().isoformat()
    assert [(s.certificate, s.u_mm, s.pictures) for s in made.spheres] == [
        (f"CERT-{size:g}", 0.0005, 3)
        for size in SIZES  # certificates state U for k = 2
    ]
    assert made.residual_rms_mm < 0.003


@pytest.mark.parametrize(
    "how",
    [
        ("--distance-mm", "502", "--u-distance-mm", "4"),  # a tape measure
        ("--distance-mm", "500"),  # known
        (),  # the spheres alone
    ],
)
def test_pinhole_scale_and_balls_of_every_size(
    deep: Path, tmp_path: Path, how: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "left.calibration.yaml"
    words = _scale(deep, out, "--model", "pinhole", "--reference-mm", "40", *how)
    assert main(words) == 0
    made = load_calibration(out)
    assert isinstance(made.model, Pinhole)
    assert abs(made.model.distance_mm - 500.0) <= max(3.0 * made.u_distance_mm, 1e-9)
    assert made.residual_rms_mm < 0.003
    capsys.readouterr()
    rng = np.random.default_rng(4)
    for size in (25.0, 50.0):  # not among the spheres of the calibration
        picture = _pinhole_sphere(tmp_path / f"{size:g}.png", size, rng)
        check = ["calibrate", "check", "--calibration", str(out), "--sphere", f"{size}:0.001:N-{size:g}"]
        assert main([*check, str(picture), "--temperature", "20", "--limit-mm", "0.006", "--json"]) == 0
        assert _json(capsys)["passed"] is True


def test_check_passes_fails_and_is_kept(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "left.calibration.yaml"
    here.write_bytes(left.read_bytes())
    rng = np.random.default_rng(3)
    good = [str(_flat_sphere(tmp_path / f"good{number}.png", 40.0, rng)) for number in range(2)]
    worn = str(_flat_sphere(tmp_path / "worn.png", 39.9, rng))
    words = ["calibrate", "check", "--calibration", str(here), "--sphere", "40.000:0.001:CERT-40"]
    assert main([*words, *good, "--temperature", "20", "--operator", "B", "--json"]) == 0
    told = _json(capsys)
    assert told["passed"] is True
    assert told["pictures"] == 2
    assert abs(float(str(told["worst_error_mm"]))) < 0.01
    assert main([*words, *good, worn, "--json"]) == 1  # one picture that is off is enough
    assert _json(capsys)["passed"] is False
    assert main([*words, *good, "--limit-mm", "0.00001"]) == 1  # explained, but beyond what was asked for
    assert "FAILED" in capsys.readouterr().out
    assert [record.passed for record in read_checks(here)] == [True, False, False]
    assert main(["calibrate", "show", str(here)]) == 0
    shown = capsys.readouterr().out
    for part in (
        "last check: FAILED",
        "state:      NOT TO BE USED: the last check",
        "CERT-60",
        "NOT VERIFIED",
        "valid until",
    ):
        assert part in shown
    assert main(["measure", good[0], "--calibration", str(here)]) == 2  # no number by a camera that failed
    assert "with a certified ball failed" in capsys.readouterr().err
    assert main(["calibrate", "show", str(here), "--json"]) == 0
    assert _json(capsys)["valid_until"] == (date.today() + timedelta(days=180)).isoformat()


def test_lens_goes_into_the_scale(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    straight = lens(0.0, width_px=WIDTH, height_px=HEIGHT).model_copy(
        update={"k2": 0.0, "p1": 0.0, "p2": 0.0}
    )
    save_lens(straight, tmp_path / "lens.yaml")
    out = tmp_path / "left.calibration.yaml"
    assert main(_scale(flat, out, "--lens", str(tmp_path / "lens.yaml"))) == 0
    made = load_calibration(out)
    assert made.lens == straight
    assert made.model.mm_per_px == pytest.approx(MM_PER_PX, rel=2e-4)
    capsys.readouterr()
    save_lens(lens(0.0), tmp_path / "other.yaml")  # of a camera with another picture size
    words = _scale(flat, tmp_path / "other.calibration.yaml", "--lens", str(tmp_path / "other.yaml"))
    assert "1600x1200" in _refused(words, capsys)["error"]


def _refused(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> dict[str, str]:
    assert main([*words, "--json"] if "--json" not in words else words) == code
    told: dict[str, str] = json.loads(capsys.readouterr().out)
    assert told["error"]
    assert told["todo"]
    return told


REFUSED_SCALES = [
    # more options, sizes, part of the message
    ((), (20.0, 60.0), "2 sizes"),
    ((), (), "no sphere"),
    (("--model", "pinhole"), (20.0, 40.0, 60.0), "one more because the distance"),
    (("--distance-mm", "500"), SIZES, "telecentric lens has no --distance-mm"),
    (("--model", "pinhole", "--u-distance-mm", "3"), SIZES, "uncertainty without a distance"),
    (("--model", "pinhole", "--distance-mm", "-1"), SIZES, "a distance of -1 mm"),
    (("--model", "pinhole", "--distance-mm", "nan"), SIZES, "a distance of nan mm"),
    (("--model", "pinhole", "--distance-mm", "50"), SIZES, "does not fit balls of 60 mm"),
    (("--model", "pinhole", "--distance-mm", "500", "--u-distance-mm", "-1"), SIZES, "of -1 mm cannot be"),
    (("--model", "pinhole", "--reference-mm", "-1"), SIZES, "reference_diameter_mm"),
    (("--model", "pinhole", "--distance-mm", "500", "--reference-mm", "900"), SIZES, "a distance of 500 mm"),
    (("--model", "pinhole", "--rise", "9"), SIZES, "rise_per_radius"),
    (("--model", "pinhole", "--tilt-x-deg", "80"), SIZES, "tilt_x_rad"),
    (("--model", "pinhole", "--u-place-mm", "nan"), SIZES, "u_place_mm"),
    (("--residual-max-mm", "0"), SIZES, "a limit of 0.0 mm"),
    (("--u-edge-px", "nan"), SIZES, "u_edge_px"),
    (("--temperature", "nan"), SIZES, "nan degC"),
    (("--temperature", "1400"), SIZES, "1400"),
    (("--u-temperature", "-1"), SIZES, "-1.0 K"),
    (("--valid-days", "0"), SIZES, "valid_days"),
    (("--sphere", "30:0.001:CERT"), SIZES, "is no sphere"),
    (("--sphere", "30:-0.001:CERT:x"), SIZES, "is no sphere"),
    (("--sphere", "31:0.001:CERT-40:x"), SIZES, "CERT-40 is given with"),
    (("--ball-expansion", "12e-6"), SIZES, "no expansion"),
    (("--lens", "no/such/lens.yaml"), SIZES, "lens file cannot be used"),
]


@pytest.mark.parametrize(("more", "sizes", "said"), REFUSED_SCALES)
def test_refused_scales(
    flat: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    sizes: tuple[float, ...],
    said: str,
) -> None:
    out = tmp_path / "left.calibration.yaml"
    assert said in _refused(_scale(flat, out, *more, sizes=sizes), capsys)["error"]
    assert not out.exists()


def test_a_file_that_is_there_is_kept(
    flat: Path, left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "left.calibration.yaml"
    out.write_bytes(left.read_bytes())
    assert "there already" in _refused(_scale(flat, out), capsys)["error"]
    assert main(_scale(flat, out, "--replace")) == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "no_ball"),
        ("colour", "colour"),
        ("bits", "16 bits"),
        ("size", f"{WIDTH + 16}x{HEIGHT}"),
        ("two", "two_balls"),
    ],
)
def test_a_sphere_that_gives_no_number_is_named(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, said: str
) -> None:
    grey = np.full((HEIGHT, WIDTH), 230, np.uint8)
    pictures: dict[str, np.ndarray | None] = {
        "empty": grey,
        "colour": np.dstack([grey] * 3),
        "bits": grey.astype(np.uint16) * 257,
        "size": cv2.imread(
            str(_flat_sphere(tmp_path / "wide.png", 50.0, np.random.default_rng(7), WIDTH + 16)), 0
        ),
        "two": cv2.circle(cv2.circle(grey.copy(), (140, 240), 90, 23, -1), (400, 240), 90, 23, -1),
    }
    bad = pictures[kind]
    assert bad is not None
    assert cv2.imwrite(str(tmp_path / "bad.png"), bad)
    more = ("--sphere", f"50:0.001:CERT-50:{tmp_path / 'bad.png'}")
    told = _refused(_scale(flat, tmp_path / "left.yaml", *more), capsys)
    assert said in told["error"]
    assert told["where"] == str(tmp_path / "bad.png")


def test_check_refuses_stale_changed_and_other_size(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(8)
    picture = str(_flat_sphere(tmp_path / "40.png", 40.0, rng))
    wide = str(_flat_sphere(tmp_path / "wide.png", 40.0, rng, WIDTH + 16))
    here = tmp_path / "left.calibration.yaml"
    here.write_bytes(left.read_bytes())
    words = ["calibrate", "check", "--calibration", str(here), "--sphere", "40.000:0.001:CERT-40"]
    assert _refused([*words, wide], capsys)["where"] == wide
    assert "no sphere" in _refused([*words[:-1], "forty:0.001:CERT", picture], capsys)["error"]
    assert "nan degC" in _refused([*words, picture, "--temperature", "nan"], capsys)["error"]
    text = here.read_text(encoding="utf-8")
    here.write_text(text.replace("valid_days: 180", "valid_days: 900"), encoding="utf-8")
    assert "changed" in _refused([*words, picture], capsys)["error"]
    old = load_calibration(left).model_copy(update={"date": "2020-01-01"})
    save_calibration(old, here)
    assert "stale" in _refused([*words, picture], capsys, 9)["error"]
    assert main(["calibrate", "show", str(here)]) == 0
    assert "stale" in capsys.readouterr().out
    assert read_checks(here) == ()


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "charuco"), (".pdf", "charuco"), (".png", "dots")])
def test_board_is_drawn_and_gives_a_lens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, kind: str
) -> None:
    out = tmp_path / f"board{suffix}"
    about = ["--board", kind, "--columns", "13", "--rows", "10"]
    assert main(["calibrate", "board", *about, "--dpi", "150", "--out", str(out)]) == 0
    assert "100 %" in capsys.readouterr().out
    if suffix == ".pdf":
        assert out.read_bytes().startswith(b"%PDF")
        return
    found = tmp_path / "lens.yaml"
    assert main(["calibrate", "lens", str(out), *about, "--out", str(found), "--json"]) == 0
    told = _json(capsys)
    assert float(str(told["distortion_max_px"])) < 0.5  # a board as it is drawn is not bent
    assert found.exists()


def test_lens_names_what_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blank = np.full((400, 500), 200, np.uint8)
    for name, picture in (("a.png", blank), ("b.png", blank), ("small.png", blank[:300])):
        assert cv2.imwrite(str(tmp_path / name), picture)
    words = ["calibrate", "lens", "--out", str(tmp_path / "lens.yaml")]
    told = _refused([*words, str(tmp_path / "a.png"), str(tmp_path / "b.png")], capsys)
    assert "2 of 2" in told["error"]
    assert "a.png" in told["where"]
    assert "b.png" in told["where"]
    assert (
        "500x300" in _refused([*words, str(tmp_path / "a.png"), str(tmp_path / "small.png")], capsys)["error"]
    )
    told = _refused([*words, str(tmp_path / "a.png"), "--columns", "2"], capsys)
    assert "2x8" in told["error"]
    board = ["calibrate", "board", "--out"]
    assert ".jpg" in _refused([*board, str(tmp_path / "board.jpg")], capsys)["error"]
    assert "dpi" in _refused([*board, str(tmp_path / "board.png"), "--dpi", "1"], capsys)["error"]
