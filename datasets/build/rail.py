"""`ferrogate data build rail`: frames, steel and composed frames, audited together, then put in place.

Neighbours: `rail_frames`, `steel` and `datasets.synthetic.rails` write one data set each; `datasets.audit`
judges them, `datasets.card` shows them.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datasets.audit import AuditReport, audit_sets
from datasets.build.rail_frames import build_frames
from datasets.build.steel import build_steel
from datasets.errors import DataError
from datasets.folders import check_replaceable
from datasets.records import DataSet

AUDIT_FILE = "audit.json"
CARD_FILE = "card.html"
COMPOSED_COUNT = 400


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made: each data set by its name below the folder, and the audit over all of them."""

    sets: dict[str, DataSet]
    report: AuditReport


def build_rail(
    source: Path, out: Path, seed: int, *, composed: int = COMPOSED_COUNT, show_progress: bool = False
) -> Built:
    """Build the rail station's data sets below `out`: `frames`, `steel` and `composed`.

    Args:
        source: the folder of real pictures.
        out: each of the three is replaced there when all are whole and the audit passed; whatever
            else lies in `out` stays.
        seed: of crops, splits and composed marks.
        composed: frames with composed marks; 0 leaves that set out.
        show_progress: bars on stderr.

    Raises:
        DataError: a set is missing or broken, or something cannot be written.
        AuditError: the audit failed; what was built then lies in `.NAME.part` beside `out`, to be looked at.
    """
    command = build_command("rail", out, seed, composed=composed)
    makers: dict[str, Callable[[Path], DataSet]] = {
        "frames": lambda folder: build_frames(source, folder, command=command),
        "steel": lambda folder: build_steel(
            source, folder, seed, command=command, show_progress=show_progress
        ),
    }
    if composed:
        # Imported here: the frames must be written before, and the edge's import test stays small.
        from datasets.synthetic.rails.compose import compose_frames

        makers["composed"] = lambda folder: compose_frames(
            folder.parent / "frames", folder, seed, composed, command=command
        )
    return assemble_sets(out, makers, show_progress=show_progress)


def build_command(station: str, out: Path, seed: int, **numbers: int) -> str:
    """The build's command line with all `numbers` named: a default may be another one some day."""
    words = ["ferrogate", "data", "build", station, "--out", str(out), "--seed", str(seed)]
    for name, value in numbers.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def assemble_sets(
    out: Path, makers: dict[str, Callable[[Path], DataSet]], *, show_progress: bool = False
) -> Built:
    """Make several data sets, audit them together, show each on a card, and put them in place.

    Args:
        out: the folder above them.
        makers: one for each, by its name below `out`, in the order in which they are made; called
            with the folder to write.
        show_progress: bars on stderr.

    Raises:
        DataError: something cannot be written, or `out` holds something else under such a name.
        AuditError: the audit failed.
    """
    from datasets.card import write_card

    for name in makers:
        check_replaceable(out / name)
    part = out.with_name(f".{out.name}.part")
    _empty(part)
    try:
        sets = {name: make(part / name) for name, make in makers.items()}
        found = audit_sets([part / name for name in makers], progress=show_progress)
        # From here on it speaks of the sets where they will be.
        report = found.moved(str(part), str(out))
        if not found.failed:
            for name in makers:
                write_card(part / name, part / name / CARD_FILE, report)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    found.raise_if_failed(part)
    _into_place(part, out, list(makers), report)
    return Built(sets, report)


def _empty(part: Path) -> None:
    try:
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
    except OSError as error:
        raise DataError(
            f"the folder cannot be made: {error}", where=str(part), todo="check rights and free space"
        ) from error


def _into_place(part: Path, out: Path, names: list[str], report: AuditReport) -> None:
    try:
        (part / AUDIT_FILE).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            if (out / name).exists():
                shutil.rmtree(out / name)
            (part / name).replace(out / name)
        (part / AUDIT_FILE).replace(out / AUDIT_FILE)
        part.rmdir()
    except OSError as error:
        raise DataError(
            f"the data sets cannot be put in place: {error}",
            where=str(out),
            todo="check rights and free space, then build again",
        ) from error
