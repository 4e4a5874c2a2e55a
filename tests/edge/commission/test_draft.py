"""Drafts: what may be missing, and what is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_runtime.commission.draft import load_draft
from tests.edge.commission.sim_rig import draft_data, write_draft
from vision.errors import ConfigError


def test_a_draft_that_knows_nothing_of_the_line(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, draft_data())
    assert draft.name == "sim-line"
    assert draft.storage == tmp_path / "books"
    assert [camera.name for camera in draft.cameras] == ["left"]
    assert draft.d_nominal_mm == 40.0
    assert draft.page is not None
    copy = draft.copy()
    copy["cameras"][0]["name"] = "other"
    assert draft.data["cameras"][0]["name"] == "left"


def _changed(change: str) -> dict[str, Any]:
    data = draft_data()
    camera = data["cameras"][0]
    match change:
        case "no plc":
            del data["plc"]
        case "no recipe":
            del data["recipe"]
        case "typo":
            data["strorage"] = data.pop("storage")
            data["storage"] = data["strorage"]
        case "typo in a camera":
            camera["geometry"]["view_tilt"] = 3.0
        case "typo in the line":
            data["line"] = {"um_per_cuont": 125.0}
        case "name":
            data["name"] = "a line"
        case "bench":
            data["plc"] = {"type": "virtual_eye", "camera": "left"}
        case "video":
            camera["source"] = {"type": "opencv", "device": "0"}
        case "no cameras":
            data["cameras"] = []
        case "two of one name":
            data["cameras"] = [camera, camera]
        case "no source":
            del camera["source"]
        case "port":
            data["plc"]["port"] = 70_000
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no plc", "'plc' is missing"),
        ("no recipe", "'recipe' is missing"),
        ("typo", "unknown key 'strorage'"),
        ("typo in a camera", "unknown key 'cameras[0].geometry.view_tilt'"),
        ("typo in the line", "unknown key 'line.um_per_cuont'"),
        ("name", "name"),
        ("bench", "only a line with a PLC"),
        ("video", "gives no encoder count"),
        ("no cameras", "at least one camera"),
        ("two of one name", "repeat"),
        ("no source", "name and a source"),
        ("port", "port"),
    ],
)
def test_what_nobody_can_measure_is_refused(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(ConfigError, match="draft") as caught:
        write_draft(tmp_path, _changed(change))
    assert message in caught.value.what
    assert caught.value.todo


def test_a_draft_that_is_none(tmp_path: Path) -> None:
    for text in ("", "- 1\n", "a: [\n"):
        path = tmp_path / "draft.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError):
            load_draft(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_draft(tmp_path / "none.yaml")


def test_a_finished_station_file_is_a_draft_too(tmp_path: Path) -> None:
    data = draft_data(line={"um_per_count": 100.0, "max_speed_counts_per_s": 12_000.0})
    path = tmp_path / "draft.yaml"
    write_draft(tmp_path, data)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["line"]["um_per_count"] == 100.0
