"""Files of others: plain ones are read, up to their limit; nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_runtime.camera_config import OpenCvCameraSource
from edge_runtime.plain_file import NotPlainError, read_plain


def test_a_plain_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(path)
    assert read_plain(path, 5) == read_plain(tmp_path / "link", 5) == b"12345"
    with pytest.raises(NotPlainError, match="5 bytes, at most 4"):
        read_plain(path, 4)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none", 4)


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with pytest.raises(NotPlainError, match="no plain file"):
            read_plain(tmp_path / name, 1000)


@pytest.mark.parametrize(
    ("device", "shown", "is_file"),
    [
        ("0", "0", False),
        ("rtsp://user:geheim@cam-1/live", "rtsp://cam-1/live", False),
        ("rtsp://user:ge@heim@cam-1/live", "rtsp://cam-1/live", False),
        ("http://cam-1/a@b", "http://cam-1/a@b", False),
        ("take.mp4", "take.mp4", True),
    ],
)
def test_a_cameras_password_is_not_shown(device: str, shown: str, is_file: bool) -> None:
    source = OpenCvCameraSource(device=device)
    assert (source.shown_device, source.is_file) == (shown, is_file)
