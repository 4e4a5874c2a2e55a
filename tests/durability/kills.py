"""Kills the station's process tree again and again, and compares its books with the PLC's log.

    python -m tests.durability.kills --kills 1000 --seed 1 --json

PLC and belt live on. Each life of the tree is ended by SIGKILL to all of it: at a random time, while it
starts or while it works, or in the middle of a file operation of one of its processes. After each kill all
that the station had acknowledged to the PLC must be on the disk; at the end the ledger must hold every
verdict that the PLC took. Neighbours: `plant`, `tree`, `mid_write`, `witness`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress

from edge_runtime.twin.field import Word
from tests.durability.mid_write import Death
from tests.durability.plant import Plant
from tests.durability.tree import Tree, reap_orphans
from tests.durability.witness import Witness

#: shares of the lives that end in the middle of a file operation, or while the tree still comes up
MID_WRITE_SHARE, STARTING_SHARE = 0.35, 0.2
#: from the session with the PLC to the kill, at most
WORK_S = 1.2
#: a start takes so long at first; what it takes on this machine, as busy as it is, is learnt
START_S, START_MAX_S = 1.0, 20.0
WHOLE_EVERY = 25
DRAIN_S = 60.0
END_S = 40.0


@dataclass(slots=True)
class Campaign:
    """What came of it; `problems` is empty when all held."""

    kills: int = 0
    while_starting: int = 0
    mid_write: int = 0
    start_s: float = START_S
    wall_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "kills": self.kills,
            "while_starting": self.while_starting,
            "mid_write": self.mid_write,
            "start_s": round(self.start_s, 2),
            "wall_s": round(self.wall_s, 1),
            "verdicts_lost": self.counts.get("verdicts_lost"),
            "problems": len(self.problems),
            "counts": self.counts,
            "first_problems": self.problems[:20],
        }


def run(
    folder: Path,
    kills: int,
    seed: int,
    progress: Progress | None = None,
    sabotage: Callable[[], None] | None = None,
) -> Campaign:
    """Kill so many times; all files lie in `folder`. `sabotage` breaks the station's code on purpose."""
    reap_orphans()
    dice = random.Random(seed)
    begun_s = time.monotonic()
    plant = Plant(folder)
    result = Campaign()
    witness = Witness(plant.storage, plant.log)
    log = folder / "stderr.txt"
    task = None if progress is None else progress.add_task("kills", total=kills)
    try:
        plant.start()
        for number in range(1, kills + 1):
            _one_life(plant, log, dice, result, sabotage)
            witness.after_kill(plant.acknowledged(), whole=number % WHOLE_EVERY == 0)
            if progress is not None and task is not None:
                progress.update(task, advance=1)
        _last_life(plant, log)
        result.counts = witness.at_the_end()
        result.counts["latches"] = plant.log.latches
        result.counts["sessions"] = witness.sessions
    finally:
        plant.close()
    result.problems = witness.problems + _complaints(log)
    result.wall_s = time.monotonic() - begun_s
    return result


def _one_life(
    plant: Plant, log: Path, dice: random.Random, result: Campaign, sabotage: Callable[[], None] | None
) -> None:
    """Start the tree and kill it."""
    death = None
    kind, works_s = dice.random(), dice.uniform(0.0, WORK_S)
    starting_s = None
    if kind < MID_WRITE_SHARE:
        # Most of the first operations are of the start; a commit takes two.
        at = round(10 ** dice.uniform(0.0, 1.8))
        death = Death(dice.choice(("station", "station", "recorder")), at, dice.random())
        works_s = WORK_S
    elif kind < MID_WRITE_SHARE + STARTING_SHARE:
        starting_s = dice.uniform(0.0, result.start_s)
        result.while_starting += 1
    sessions = plant.log.sessions
    tree = Tree(plant.station_file, log, death, sabotage)
    end_s = tree.began_s + (START_MAX_S if starting_s is None else starting_s)
    while time.monotonic() < end_s and tree.members:
        time.sleep(0.005)
        plant.log.read()
        if starting_s is None and plant.log.sessions > sessions:
            now_s = time.monotonic()
            result.start_s += 0.2 * (now_s - tree.began_s - result.start_s)
            starting_s, end_s = 0.0, now_s + works_s
    if death is not None and not tree.members:
        result.mid_write += 1
    tree.kill()
    result.kills += 1


def _last_life(plant: Plant, log: Path) -> None:
    """Nobody is killed any more: the belt runs empty, all is booked, and the tree is ended in order."""
    tree = Tree(plant.station_file, log)
    try:
        time.sleep(WORK_S)
        plant.field.set(Word.FEED_HOLD, 1)
        plant.wait(lambda: _is_through(plant), DRAIN_S)
        # The newest counters are written every two seconds: the books compare them with the rows.
        time.sleep(2.5)
        tree.end(END_S)
    finally:
        tree.kill()


def _is_through(plant: Plant) -> bool:
    plant.log.read()
    in_ring = sum(not outcome.ring_full for outcome in plant.log.outcomes)
    through = plant.field.get(Word.BALLS_PLACED) == plant.field.get(Word.BALLS_ENTERED)
    return through and len(plant.log.outcomes) == len(plant.log.triggers) and _acked_all(plant, in_ring)


def _acked_all(plant: Plant, in_ring: int) -> bool:
    return plant.acknowledged() == in_ring % (1 << 16)


def _complaints(log: Path) -> list[str]:
    """Tracebacks on stderr."""
    text = log.read_text(encoding="utf-8", errors="replace")
    count = text.count("Traceback (most recent call last)")
    if not count:
        return []
    first = text.index("Traceback (most recent call last)")
    return [f"{count} tracebacks, the first: {text[first : first + 1500]}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit code 0 when all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep all files there (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args(arguments)
    os.environ.setdefault("FERROGATE_LOG", "text")
    place = (
        nullcontext(str(options.folder))
        if options.folder
        else tempfile.TemporaryDirectory(prefix="fg-kills-")
    )
    with place as folder, Progress(disable=not sys.stderr.isatty()) as progress:
        result = run(Path(folder), options.kills, options.seed, progress)
    if options.json:
        print(json.dumps(result.as_json()))
    else:
        print(f"{result.kills} kills, {result.mid_write} of them in the middle of a file operation")
        print(", ".join(f"{name} {count}" for name, count in result.counts.items()))
        print("\n".join(result.problems) or "all held")
    return 1 if result.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
