"""Notes of a map: words for every code in every language, and what older versions wrote still reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edge_runtime.page.words import page_texts
from edge_runtime.reports.words import LANGUAGES, load_words
from edge_runtime.yard.map_folder import FramePlace
from edge_runtime.yard.note_words import left_out_text, note_text, notes_text
from vision.rail_map.notes import NOTE_CODES
from vision.rail_map.types import LeftOut, MapCamera, Note, RailMap, Unseen

_PLACE = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_words_that_use_its_values_and_no_other(language: str) -> None:
    texts = page_texts(language)  # the page shows what the reports say
    words = load_words(language)
    for code, keys in NOTE_CODES.items():
        places = set(_PLACE.findall(texts[f"yard_note.{code}"]))
        assert places <= set(keys), code
        said = note_text(Note(code=code, values=dict.fromkeys(keys, "XY")), words)
        assert "{" not in said
        assert said.count("XY") == len(places)
    unknown = {key for key in texts if key.startswith("yard_note.")} - {f"yard_note.{c}" for c in NOTE_CODES}
    assert not unknown


def _made(repository: Path) -> set[str]:
    """Codes that stand in the code where notes are made: `Note(code="...")`."""
    found = set()
    for folder in ("vision/rail_map", "edge_runtime/yard"):
        for path in (repository / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note":
                    values = [key.value for key in node.keywords if key.arg == "code"]
                    found |= {
                        at.value for each in values for at in ast.walk(each) if isinstance(at, ast.Constant)
                    }
    return {code for code in found if isinstance(code, str)}


def test_no_note_is_made_that_the_table_lacks(repository: Path) -> None:
    made = _made(repository)
    assert len(made) > 20
    assert made <= set(NOTE_CODES)


def test_a_note_speaks_its_readers_language() -> None:
    note = Note(code="went_back", values={"camera": "top", "frames": "4-5"})
    assert note_text(note, load_words("en")) == "camera top: the conveyor went back in frames 4-5"
    assert note_text(note, load_words("ru")) == "камера top: конвейер шёл назад в кадрах 4-5"
    assert "конвейер кері жүрді" in note_text(note, load_words("kk"))


def test_numbers_of_frames_get_no_separators() -> None:
    gone = Note(code="frame_without_file", values={"camera": "top", "frame": 14564701})
    assert "14564701" in note_text(gone, load_words("en"))


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    note = Note(code="moon_in_the_picture", values={"phase": 3})
    assert note_text(note, load_words("ru")) == "moon_in_the_picture, phase 3"


def test_what_older_versions_kept_still_reads() -> None:
    """They kept sentences in English."""
    unseen = {
        "camera": "top",
        "first_row": 0.0,
        "last_row": 9.0,
        "start_m": None,
        "end_m": None,
        "cause": "unhealthy_frame",
    }
    old = {
        "rail": "R-1",
        "rows": 100,
        "row_mm": None,
        "start": {"row": 0.0, "seen": True},
        "end": {"row": 100.0, "seen": True},
        "length_m": None,
        "length_is_least": False,
        "cameras": [
            {
                "name": "top",
                "element": "head",
                "inspected": True,
                "width_px": 64,
                "mm_per_px": None,
                "frames": 2,
                "left_out": ["top_004.png: black: only 3 greys", "again.png: doubled"],
            }
        ],
        "findings": [],
        "unseen": [{**unseen, "detail": "black: only 3 greys; frozen"}, {**unseen, "detail": ""}],
        "thresholds": {},
        "model_sha256": "",
        "notes": ["top: frames 1-2 came out of order"],
    }
    made = RailMap.model_validate(old)
    words = load_words("ru")
    assert [note_text(note, words) for note in made.notes] == ["top: frames 1-2 came out of order"]
    assert [notes_text(one.detail, words) for one in made.unseen] == ["black: only 3 greys; frozen", ""]
    (camera,) = made.cameras
    assert camera.left_out[0].file == "top_004.png"
    said = [left_out_text(one, words) for one in camera.left_out]
    assert said == ["top_004.png: black: only 3 greys", "again.png: doubled"]
    assert RailMap.model_validate_json(made.model_dump_json()) == made
    place: dict[str, object] = {"camera": "top", "frame_number": 4, "file": "a.png", "rows": 9}
    part = {"first_y": 0, "last_y": 9, "first_row": 0, "last_row": 9}
    faults = [
        FramePlace.model_validate({**place, "stretches": [part], "fault": text}).fault for text in ("", "x")
    ]
    assert faults == [None, Note(code="text", values={"text": "x"})]


def test_notes_can_be_told_apart() -> None:
    """Notes of one scan come from three places, and one is told once."""
    one, same = (Note(code="stood", values={"camera": "top", "frames": "3"}) for _ in range(2))
    other = Note(code="stood", values={"camera": "top", "frames": "4"})
    assert list(dict.fromkeys((one, same, other))) == [one, other]
    camera = MapCamera(
        name="top", element="head", inspected=True, width_px=9, mm_per_px=None, frames=1,
        left_out=(LeftOut(file="a.png", why=one),),
    )  # fmt: skip
    assert camera.left_out[0].why == same
    assert Unseen.model_fields["detail"].default == ()
