"""Picture files from anybody: torn, absurd, hostile; read whole or refused with one error, within bounds."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.errors import DataError
from datasets.pictures import read_picture
from edge_runtime.cameras.folder import FolderCamera
from edge_runtime.cli import main
from edge_runtime.config import FolderCameraSource
from edge_runtime.images import ImageFile, decode_image, read_image
from edge_runtime.page.errors import PageError
from edge_runtime.page.yard_photo_check import check_photo
from tests.fuzz.strategies import fuzzed, one_answer, torn
from vision.errors import FerrogateError, ImageError
from vision.image_head import MAX_DECODED_BYTES, MAX_PIXELS, head_fault, read_head

GREY = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (48, 70), np.uint8), (0, 0), 2.0)
COLOUR = np.dstack([GREY, 255 - GREY, GREY // 2])


def encoded(suffix: str, image: np.ndarray) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def encoded_lossy(image: np.ndarray) -> bytes:
    """A WebP of the other, older form."""
    done, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 80])
    assert done
    return data.tobytes()


WHOLE = {
    "png": encoded(".png", COLOUR),
    "png16": encoded(".png", GREY.astype(np.uint16) * 257),
    "png alpha": encoded(".png", np.dstack([COLOUR, GREY])),
    "jpg": encoded(".jpg", COLOUR),
    "jpg grey": encoded(".jpg", GREY),
    "bmp": encoded(".bmp", COLOUR),
    "tif": encoded(".tif", COLOUR),
    "tif16": encoded(".tif", GREY.astype(np.uint16) * 257),
    "webp": encoded(".webp", COLOUR),
    "webp lossy": encoded_lossy(COLOUR),
    "pgm": encoded(".pgm", GREY),
    "ppm": encoded(".ppm", COLOUR),
}


def check_picture(found: ImageFile | FerrogateError) -> None:
    if isinstance(found, FerrogateError):
        assert isinstance(found, ImageError)
        return
    assert found.image.dtype == np.uint8
    assert found.image.ndim == (2 if found.pixel_format == "mono8" else 3)
    assert min(found.image.shape) >= 1
    assert found.image.size <= MAX_DECODED_BYTES


@pytest.mark.parametrize("form", WHOLE)
def test_the_head_says_what_the_decoder_finds(form: str) -> None:
    head = read_head(WHOLE[form])
    assert head is not None
    stored = cv2.imdecode(np.frombuffer(WHOLE[form], np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert (head.height_px, head.width_px) == stored.shape[:2]
    assert head.decoded_bytes >= stored.nbytes


@fuzzed(250)
@given(data=st.sampled_from(sorted(WHOLE)).flatmap(lambda form: torn(WHOLE[form])))
def test_torn_pictures(data: bytes) -> None:
    found = one_answer(lambda: decode_image(data, where="x"))
    check_picture(found)
    head = read_head(data)
    if isinstance(found, ImageFile):
        # Nothing is decoded that is larger than its head said: that is what memory was weighed by.
        assert head is not None
        assert found.image.shape[:2] == (head.height_px, head.width_px)


@fuzzed(120)
@given(data=torn(WHOLE["png"]))
def test_a_png_is_whole_or_refused(data: bytes) -> None:
    """Its checksums tell: what was changed on the way is never taken for what the camera saw."""
    found = one_answer(lambda: decode_image(data, where="x"))
    if isinstance(found, ImageFile):
        assert np.array_equal(found.image, COLOUR)


@fuzzed(60)
@given(form=st.sampled_from(sorted(WHOLE)), share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_picture_that_was_cut_is_refused(form: str, share: float) -> None:
    """What is missing at its end would be filled with grey, and grey shows no crack."""
    data = WHOLE[form]
    cut = data[: int(share * (len(data) - 8))]
    assert isinstance(one_answer(lambda: decode_image(cut, where="x")), ImageError)


@fuzzed(150)
@given(data=st.binary(max_size=300) | st.sampled_from(sorted(WHOLE)).flatmap(lambda f: torn(WHOLE[f][:200])))
def test_any_head(data: bytes) -> None:
    head = read_head(data)
    assert isinstance(head_fault(data), str)
    assert head is None or (head.width_px >= 0 and head.height_px >= 0 and head.pixel_bytes >= 1)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(width: int, height: int, *, bits: int = 8, colour: int = 2, whole: bool = True) -> bytes:
    """A PNG of nothing but zeros, as small as that packs; not `whole`: one row of all it claims."""
    row = bytes(1 + (width * bits * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height if whole else 1)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff(width: int, height: int, samples: int, bits: int) -> bytes:
    """A TIFF that is all head."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, bits), (277, 3, samples), (273, 4, 8), (279, 4, 1)]
    body = b"".join(struct.pack("<HHIHH", tag, kind, 1, value & 0xFFFF, value >> 16)
                    for tag, kind, value in sorted(entries))  # fmt: skip
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + b"\0\0\0\0"


def resized(data: bytes, at: int, form: str, *sides: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *sides)
    return bytes(changed)


BOMBS = {
    "png of 400 megapixels": png_bomb(20_000, 20_000, bits=1, colour=0, whole=False),
    "png of 60,000 px": png_bomb(60_000, 60_000, whole=False),
    "png of 4 thousand million px": png_bomb((1 << 31) - 1, (1 << 31) - 1, bits=1, colour=0, whole=False),
    "png of no width": png_bomb(0, 100, whole=False),
    "16 bit with alpha": png_bomb(13_000, 11_000, bits=16, colour=6, whole=False),
    "jpeg of 65,535 px": resized(WHOLE["jpg"], WHOLE["jpg"].index(b"\xff\xc0") + 5, ">HH", 65_535, 65_535),
    "bmp of 40,000 px": resized(WHOLE["bmp"], 18, "<ii", 40_000, 40_000),
    "tiff of 100,000 px": tiff(100_000, 100_000, 4, 16),
    "tiff with 60,000 channels": tiff(4_000, 4_000, 60_000, 64),
    "webp of 16,384 px": resized(WHOLE["webp"], 21, "<I", 0x0FFF_FFFF),
    "pgm of 30,000 px": b"P5\n30000 30000\n255\n" + b"\0" * 99,
    "ppm with a billion rows": b"P6 1 999999999 65535 \0\0",
    "gif": b"GIF89a\xff\xff\xff\xff\xf0\0\0" + b"\0" * 64,
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 64,
    "exr": b"\x76\x2f\x31\x01" + b"\0" * 64,
    "radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "avif": b"\0\0\0\x20ftypavif" + b"\0" * 64,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_heads(name: str, tmp_path: Path) -> None:
    assert head_fault(BOMBS[name])
    path = tmp_path / "bomb.png"
    path.write_bytes(BOMBS[name])
    assert isinstance(one_answer(lambda: read_image(path)), ImageError)
    assert isinstance(one_answer(lambda: read_picture(path)), DataError)
    with pytest.raises(PageError):
        check_photo(path, "bomb.png")
    camera = FolderCamera("left", FolderCameraSource(path=tmp_path, realtime=False))
    camera.setup()
    assert camera.read(0.0) is None
    assert [loss.cause for loss in camera.take_losses()] == ["unreadable"]


#: reads each picture named, then says how much memory that took at the most
_WEIGHED = """
import resource, sys
from pathlib import Path
from edge_runtime.images import read_image
from vision.errors import ImageError
read_image(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[2:]:
    try:
        read_image(Path(name))
    except ImageError:
        continue
    raise SystemExit(f"{name} was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "whole.png").write_bytes(WHOLE["png"])
    names = []
    for number, data in enumerate([*BOMBS.values(), png_bomb(16_000, 16_000, bits=1, colour=0)]):
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        names.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", _WEIGHED, str(tmp_path / "whole.png"), *names],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50_000  # KiB; the smallest of them would take 250 MB


def test_the_largest_picture_that_is_taken_is_taken() -> None:
    """The limit is on what is too much, not on what a line camera gives."""
    data = png_bomb(12_000, 3_000, bits=8, colour=0)
    assert 12_000 * 3_000 < MAX_PIXELS
    assert decode_image(data, where="x").image.shape == (3_000, 12_000)


def one_pixel(suffix: str) -> bytes:
    return encoded(suffix, np.zeros((1, 1, 3), np.uint8))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"])
def test_one_pixel_is_a_picture(suffix: str) -> None:
    assert decode_image(one_pixel(suffix), where="x").image.shape == (1, 1, 3)


@pytest.mark.parametrize("name", ["a\0.png", "\ud800.png", "x" * 300 + ".png"])
def test_names_that_no_file_can_have(name: str) -> None:
    assert isinstance(one_answer(lambda: read_image(Path(name))), ImageError)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full", "/proc/self/mem"])
def test_what_is_no_plain_file_is_not_read(name: str) -> None:
    assert isinstance(one_answer(lambda: read_image(Path(name))), ImageError)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert isinstance(one_answer(lambda: read_image(tmp_path / "pipe.png")), ImageError)


def test_inspect_answers_for_every_file_and_accepts_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object per file, also for those whose name no terminal can write."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (name, data) in enumerate([*BOMBS.items(), *WHOLE.items(), ("one pixel", one_pixel(".png"))]):
        (folder / f"{number:02d} {name}.png").write_bytes(data)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xea\xf0\xe0\xed.png")).write_bytes(WHOLE["png"])
    for number, cut in enumerate(range(10, len(WHOLE["jpg"]), 150)):
        (folder / f"cut {number}.jpg").write_bytes(WHOLE["jpg"][:cut])
    out = tmp_path / "out.jsonl"
    names = sum(1 for _ in folder.iterdir())
    assert (
        main(["inspect", "--station", "ball", str(folder), "--jsonl", str(out), "--json"])
        == ImageError.exit_code
    )
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(records) == names
    assert all(record.get("error") or record["verdict"] != "accept" for record in records)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["images"] == names
    assert summary["accept"] == 0
