"""One night shift for all tests of this folder that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.shifts.shift_samples import make_shift


@pytest.fixture(scope="session")
def night_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Storage folder of a closed shift, judged by verified recipes. Not to be written to."""
    folder = tmp_path_factory.mktemp("night")
    make_shift(folder)
    return folder
