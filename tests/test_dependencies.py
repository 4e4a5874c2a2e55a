"""What an edge box installs: complete in the lock, of known licences, and nothing else is imported.

The same as `make audit` but for the list of known holes, which needs a network.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tools import audit


def test_packages_fit_each_other() -> None:
    assert audit.unfit() == []


def test_every_package_of_the_edge_is_pinned_as_installed() -> None:
    """Also those that come with others: an update of one of them would else reach a plant untested."""
    assert len(audit.edge_packages()) > 30
    assert audit.wrong_pins() == []


def test_every_licence_is_one_we_take() -> None:
    assert audit.wrong_licences() == []


def test_the_edge_imports_nothing_else() -> None:
    assert audit.wrong_imports() == []


def test_a_package_that_is_not_pinned_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = audit.pins()
    monkeypatch.setattr(audit, "pins", lambda: pins | {"numpy": "1.0"})
    assert [line.partition(":")[0] for line in audit.wrong_pins()] == ["numpy"]
    del pins["tzdata"]
    monkeypatch.setattr(audit, "pins", lambda: pins)
    assert audit.wrong_pins() == [
        f"tzdata: installed {audit.edge_packages()['tzdata']}, constraints.txt has no such line"
    ]


def test_another_licence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "TAKEN_ALL_THE_SAME", {})
    assert audit.wrong_licences() == ["fpdf2: lgpl-3.0-only"]


def test_an_import_of_something_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in audit.EDGE_ROOMS:
        (tmp_path / room).mkdir()
    (tmp_path / "vision" / "a.py").write_text(
        "import json, hypothesis.strategies\nfrom . import b\n\n\ndef f():\n    from sneaky.x import y\n"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["numpy"]\n')
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    assert audit.wrong_imports() == ["vision/a.py imports hypothesis", "vision/a.py imports sneaky"]


@pytest.mark.long
def test_without_the_list_of_known_holes_it_is_said_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "known_holes", lambda: ([], ["numpy: not found"]))
    monkeypatch.setattr("sys.argv", ["audit.py"])
    assert audit.main() == audit.NOT_AUDITED
    assert "NOT AUDITED" in capsys.readouterr().err
    monkeypatch.setattr(audit, "known_holes", lambda: (["numpy 1.0: CVE-1"], []))
    assert audit.main() == 1
    assert "CVE-1" in capsys.readouterr().out


def test_the_lawyers_page_names_every_package() -> None:
    """LICENSING.md lists what a bare install brings; a new package has to be put there."""
    text = (audit.ROOT / "LICENSING.md").read_text(encoding="utf-8").lower()
    known = {canonicalize_name(name) for name in re.findall(r"[a-z][\w.-]*\w", text)}
    assert sorted(set(audit.edge_packages()) - known) == []
