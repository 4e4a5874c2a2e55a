"""Reading pictures: every form a file may have, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.images import MAX_FILE_BYTES, decode_image, expand_paths, read_image
from vision.errors import ConfigError, ImageError

GREY = np.random.default_rng(3).integers(0, 256, (40, 60), dtype=np.uint8)
COLOUR = np.random.default_rng(4).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    ok, data = cv2.imencode(suffix, image)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".pgm"])
def test_grey_is_mono8(suffix: str) -> None:
    picture = decode_image(encoded(GREY, suffix), where="x")
    assert np.array_equal(picture.image, GREY)
    assert (picture.pixel_format, picture.stored_bits, picture.had_alpha) == ("mono8", 8, False)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm"])
def test_colour_is_bgr8(suffix: str) -> None:
    picture = decode_image(encoded(COLOUR, suffix), where="x")
    assert np.array_equal(picture.image, COLOUR)
    assert picture.pixel_format == "bgr8"


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (0, 0),
        (128, 0),  # rounds down: 0.498
        (129, 1),  # rounds up: 0.502
        (4095, 16),  # 12 bits in 16 stay dark: nothing is brightened by guess
        (32896, 128),  # 128 * 257
        (65535, 255),
    ],
)
def test_16_bit_is_scaled_by_full_range(stored: int, read: int) -> None:
    picture = decode_image(encoded(np.full((4, 4), stored, np.uint16)), where="x")
    assert (picture.image == read).all()
    assert picture.stored_bits == 16


def test_8_bit_survives_a_round_trip_through_16() -> None:
    every = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    picture = decode_image(encoded(every), where="x")
    assert np.array_equal(picture.image, np.arange(256, dtype=np.uint8).reshape(16, 16))


def test_16_bit_colour() -> None:
    picture = decode_image(encoded(COLOUR.astype(np.uint16) * 257), where="x")
    assert np.array_equal(picture.image, COLOUR)


def test_alpha_is_laid_over_white() -> None:
    alpha = np.zeros((40, 60, 1), np.uint8)
    alpha[:, 30:] = 255
    picture = decode_image(encoded(np.dstack([COLOUR, alpha])), where="x")
    assert picture.had_alpha
    assert (picture.image[:, :30] == 255).all()
    assert np.array_equal(picture.image[:, 30:], COLOUR[:, 30:])


def test_half_transparent_is_half_white() -> None:
    pixel = np.array([[[0, 100, 255, 128]]], np.uint8)
    picture = decode_image(encoded(pixel), where="x")
    assert picture.image[0, 0] == pytest.approx((127, 177, 255), abs=1)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("what", "data", "words"),
    [
        ("zero bytes", b"", "0 bytes"),
        ("text", b"this is no picture", "cannot be decoded"),
        ("png header alone", encoded(GREY)[:20], "cannot be decoded"),
        ("png cut in the middle", encoded(GREY)[: len(encoded(GREY)) // 2], "cannot be decoded"),
        ("png with a flipped byte", flipped(encoded(GREY)), "cannot be decoded"),
        ("jpeg cut near its end", encoded(COLOUR, ".jpg")[:-200], "cannot be decoded"),
        ("bmp cut short", encoded(COLOUR, ".bmp")[:-200], "cannot be decoded"),
        ("tiff cut short", encoded(COLOUR, ".tiff")[:-200], "cannot be decoded"),
        ("webp cut short", encoded(COLOUR, ".webp")[:-200], "cannot be decoded"),
        ("floats", encoded(np.ones((8, 8), np.float32), ".tiff"), "float32"),
    ],
)
def test_bad_content(what: str, data: bytes, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(data, where="line/7.png")
    assert words in caught.value.what, what
    assert caught.value.where == "line/7.png"
    assert caught.value.todo
    assert caught.value.exit_code == 3


def make_missing(folder: Path) -> Path:
    return folder / "nowhere.png"


def make_folder(folder: Path) -> Path:
    (folder / "a.png").mkdir()
    return folder / "a.png"


def make_huge(folder: Path) -> Path:
    path = folder / "huge.png"
    with path.open("wb") as out:
        out.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no room
    return path


@pytest.mark.parametrize("make", [make_missing, make_folder, make_huge])
def test_bad_file(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.where == str(path)


def test_folders_are_opened_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "deep/c.tif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    got = list(expand_paths([str(tmp_path), "given.dat"]))
    assert got == [str(tmp_path / name) for name in ("a.JPG", "b.png", "deep/c.tif")] + ["given.dat"]


def test_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no picture"):
        list(expand_paths([str(tmp_path)]))
