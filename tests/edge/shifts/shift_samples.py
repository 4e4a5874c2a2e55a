"""A whole shift in a ledger with pictures beside it, made the recorder's own way from journal entries.

The night: two lots of two products with a changeover between them, an emergency stop, a camera that fell
silent, balls in bypass, a passed challenge, a missed one, and one that answered the miss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from edge_runtime.config import load_recipe
from edge_runtime.day.acts import (
    Act,
    BeginChallenge,
    ChangeRecipe,
    CloseLot,
    CloseShift,
    OpenLot,
    OpenShift,
)
from edge_runtime.day.follow import CHALLENGE_DONE, act_entry, challenge_over, changeover_done
from edge_runtime.day.rules import Facts, RecipeChoice, Who, apply
from edge_runtime.day.state import ChallengeResult, DayState
from edge_runtime.entries import (
    ChallengeEntry,
    CountersEntry,
    Entry,
    FaultEntry,
    LineStateEntry,
    ReasonRow,
    SessionEntry,
)
from edge_runtime.ledger.alarms import acknowledge_alarm, clear_alarm, raise_alarm
from edge_runtime.ledger.apply import Applier
from edge_runtime.ledger.pictures import Crop, PictureStore
from edge_runtime.ledger.statements import PictureRecord
from edge_runtime.ledger.store import ledger_url, open_ledger, writing
from edge_runtime.recipes import default_recipe_path
from tests.edge.ledger_samples import BOOT, PLC_BOOT, UTC_NS, epoch, outcome, part, placed
from vision.recipe import BallRecipe
from vision.types import PartId

S_NS = 1_000_000_000
#: every letter of Kazakh that Russian has not, a tag, and a formula
SHIFT = "Ночная <b>әіңғүұқөһ</b>"
LOTS = ("=ҚАЗ-1 & Ко", "Партия <script>alert(1)</script>")
FOREMAN = "Айгүл <i>Ә.</i>"
#: reasons in turn, the station's and the PLC's
REASONS = ("crack", "diameter_low", "diameter_high", "spall", "view_missing", "oval", "late", "half")


def recipe(name: str = "40", *, verified: bool = True) -> BallRecipe:
    """A shipped recipe, with every limit compared with its source or as it comes."""
    plain = load_recipe(default_recipe_path(name))
    return BallRecipe.model_validate(_verified(plain.model_dump(mode="json"))) if verified else plain


def _verified(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: True if key == "verified" else _verified(value) for key, value in tree.items()}
    return [_verified(value) for value in tree] if isinstance(tree, list) else tree


@dataclass
class Line:
    """A line whose day is written down: time, acts by the day's own rules, balls, how it stood."""

    recipe: BallRecipe
    entries: list[Entry] = field(default_factory=list)
    state: DayState = field(default_factory=DayState)
    at_s: float = 0.0
    seq: int = 0
    pictured: list[tuple[int, int]] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    sides: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.entries += [epoch(), self._session()]

    @property
    def utc_ns(self) -> int:
        """The wall clock."""
        return UTC_NS + round(self.at_s * S_NS)

    def _session(self) -> SessionEntry:
        return SessionEntry(
            f"s{len(self.entries)}", "line-1", BOOT, self.utc_ns, 1, self.recipe.sha256(),
            self.recipe.model_dump(mode="json"), "b" * 64, {"labels": ["crack"]}, "cpu", "0.1.0",
        )  # fmt: skip

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.at_s += seconds

    def do(self, act: Act, by: str = FOREMAN, choice: RecipeChoice | None = None) -> None:
        """A person's act."""
        facts = Facts(
            utc_ns=self.utc_ns, product=self.recipe.product, recipe_sha256=self.recipe.sha256(),
            choice=choice, labels=frozenset({"crack"}),
        )  # fmt: skip
        before, self.state = self.state, apply(self.state, act, Who(by, "foreman"), facts)
        self._note(before, act.kind, by, act.model_dump(mode="json"))

    def _note(self, before: DayState, act: str, by: str, asked: dict[str, Any]) -> None:
        role = "foreman" if by else "station"
        self.entries.append(
            act_entry(
                before, self.state, act=act, by=by, role=role, asked=asked, utc_ns=self.utc_ns, boot_id=BOOT
            )
        )

    def stands(self, **other: Any) -> None:
        """How the line stands from now on; running and ready without `other`."""
        values: dict[str, Any] = {
            "connected": True, "running": True, "latched": False, "stop_cause": "none", "ready": True,
            "holds": (), "key_switch": "auto", "inputs": (), "lot": self._lot, "shift": self._shift,
        }  # fmt: skip
        self.entries.append(LineStateEntry(**(values | other), utc_ns=self.utc_ns, boot_id=BOOT))

    def count(self) -> None:
        """The totals that a station writes every few seconds: its signs of life."""
        done = {side: self.sides.get(side, 0) for side in ("accept", "reject", "bypass")}
        totals = {
            "triggers_total": self.seq, "accepted_total": done["accept"], "rejected_total": done["reject"],
            "bypassed_total": done["bypass"], "confirmed_total": sum(done.values()), "mismatch_total": 0,
            "unproven_accepts": 0, "stray_rejects": 0, "trigger_overflow": 0, "outcome_overflow": 0,
        }  # fmt: skip
        self.entries.append(CountersEntry(PLC_BOOT, totals, self.utc_ns))

    @property
    def _lot(self) -> str:
        return "" if self.state.lot is None else self.state.lot.name

    @property
    def _shift(self) -> str:
        return "" if self.state.shift is None else self.state.shift.name

    def ball(self, reason: str = "", *, side: str = "", challenge: str = "", gone: bool = False) -> None:
        """One ball by the station's word, sent to `side` (by its verdict); `gone` leaves its outcome out."""
        self.seq += 1
        size = self.recipe.size
        mean = size.d_nominal_mm + float(self.random.normal(0.0, 0.12))
        mean += {"diameter_low": -1.9, "diameter_high": 1.9}.get(reason, 0.0)
        verdict = "reject" if reason else "accept"
        rows = (ReasonRow(reason, "found", 0.75, 0.4, None, "left", 0),) if reason else ()
        self.entries.append(
            part(
                self.seq, decision=verdict, reasons=rows, lot=self._lot or "no lot",
                shift=self._shift or "no shift", recipe_sha256=self.recipe.sha256(),
                diameter_min_mm=mean - 0.1, diameter_max_mm=mean + 0.1, diameter_mean_mm=mean,
                u_diameter_mm=0.04, u_diameter_mean_mm=0.03, roundness_mm=0.12, views=(), views_due=0,
                utc_ns=self.utc_ns, challenge=challenge,
            )
        )  # fmt: skip
        if reason:
            self.pictured.append((self.seq, self.utc_ns))
        if gone:
            return
        side = side or verdict
        extra: dict[str, Any] = {}
        if side == "bypass":
            extra = {"cause": "bypass", "confirm": "accept_eye"}
        self.entries.append(
            outcome(self.seq, verdict=verdict, reason=reason, side=side, utc_ns=self.utc_ns + 1, **extra)
        )
        self.sides[side] = self.sides.get(side, 0) + 1

    def balls(self, count: int, *, every_s: float, bad_every: int = 12) -> None:
        """Balls of production, one in `bad_every` bad, each for the next reason."""
        for index in range(count):
            self.wait(every_s)
            bad = index % bad_every == bad_every - 1
            self.ball(REASONS[(index // bad_every) % len(REASONS)] if bad else "")
            if index % max(1, round(2.0 / every_s)) == 0:
                self.count()

    def idle(self, seconds: float) -> None:
        """No ball comes; the station goes on counting."""
        end_s = self.at_s + seconds
        while self.at_s < end_s:
            self.wait(min(2.0, end_s - self.at_s))
            self.count()

    def challenge(self, result: ChallengeResult, balls: int = 3, by: str = "Нұрлан") -> None:
        """Challenge balls; of a missed one the last ball is let through."""
        self.do(BeginChallenge(balls=balls, expected="crack"), by)
        running = self.state.challenge
        assert running is not None
        begun_ns, name = self.utc_ns, running.challenge
        for number in range(balls):
            self.wait(3.0)
            through = result == "missed" and number == balls - 1
            self.ball("" if through else "crack", challenge=name)
            self.count()
        self.wait(2.0)
        self.count()
        rejected = balls - int(result == "missed")
        self.entries.append(
            ChallengeEntry(
                name, result, "crack", balls, rejected, balls - rejected, 0, by, self._lot, self._shift, 0,
                "", begun_ns, self.utc_ns, BOOT,
            )
        )  # fmt: skip
        before, self.state = self.state, challenge_over(self.state, result, self.utc_ns, None)
        self._note(before, CHALLENGE_DONE, "", {"challenge": name, "result": result})

    def change_recipe(self, new: BallRecipe) -> None:
        """A changeover; the zone is empty after 20 seconds."""
        old = self.recipe
        choice = RecipeChoice("50", new.product, new.sha256())
        self.do(ChangeRecipe(recipe="50"), choice=choice)
        self.stands(ready=False, holds=("changeover",))
        self.idle(20.0)
        before, self.state = self.state, changeover_done(self.state)
        hashes = {"old_sha256": old.sha256(), "new_sha256": new.sha256()}
        self._note(before, "changeover_done", "", {"recipe": "50", "product": new.product, **hashes})
        self.recipe = new
        self.entries.append(self._session())
        self.stands()

    def fault(self, code: str, count: int = 1) -> None:
        """A fault of the line."""
        self.entries.append(FaultEntry(code, "", count, self.utc_ns, BOOT, camera="left"))


def night(line: Line, *, second: BallRecipe, balls: int = 600, close: bool = True) -> None:
    """The night on a line; about two hours and a half."""
    line.stands()
    line.count()
    line.do(OpenShift(name=SHIFT))
    line.wait(10.0)
    line.challenge("passed")
    line.do(OpenLot(name=LOTS[0], product=line.recipe.product))
    line.balls(balls, every_s=3.0)
    line.fault("plc_e_stop")
    line.stands(running=False, latched=True, stop_cause="e_stop", ready=False, inputs=("e_stop",))
    line.idle(240.0)
    line.stands()
    line.balls(balls // 2, every_s=3.0)
    line.stands(ready=False, key_switch="bypass", holds=("key",))
    for index in range(9):
        line.wait(4.0)
        line.ball("crack" if index == 4 else "", side="bypass")
        line.count()
    line.stands(ready=False, holds=("camera_left",))
    line.fault("hold_camera_left")
    line.fault("frame_black", 14)
    line.idle(30.0)
    line.stands()
    line.do(CloseLot())
    line.change_recipe(second)
    line.do(OpenLot(name=LOTS[1], product=second.product))
    line.balls(balls // 2, every_s=3.0)
    line.challenge("missed")
    line.stands(latched=True, running=False, stop_cause="station_request", ready=False)
    line.idle(300.0)
    line.stands(ready=False, holds=("challenge",))
    line.challenge("passed")
    line.stands()
    line.balls(60, every_s=3.0)
    line.wait(1.0)
    line.ball(gone=True)
    line.ball(gone=True)
    line.count()
    line.do(CloseLot())
    if close:
        line.do(CloseShift(), "Ғалым")
    line.wait(1.0)
    line.count()


def make_shift(
    folder: Path, *, verified: bool = True, balls: int = 600, close: bool = True, pictures: bool = True
) -> Line:
    """The night in `<folder>/ledger.sqlite`, with alarms and pictures."""
    line = Line(recipe("40", verified=verified))
    night(line, second=recipe("50", verified=verified), balls=balls, close=close)
    store(line, folder, pictures=pictures)
    return line


def store(line: Line, folder: Path, *, pictures: bool = True) -> None:
    """Entries, pictures and alarms of a line into the storage folder."""
    engine = open_ledger(ledger_url(folder))
    records = _pictures(line, folder) if pictures else []
    Applier(engine).apply(placed(line.entries), pictures=records)
    _alarms(engine, line)
    engine.dispose()


def _pictures(line: Line, folder: Path) -> list[PictureRecord]:
    keeper = PictureStore(folder, max_mb=500.0)
    found = []
    for seq, utc_ns in line.pictured:
        crop = Crop(PartId(1, 0, seq), "left", 0, "reject", utc_ns, drawn_ball(seq))
        record = keeper.store(crop)
        assert record is not None
        found.append(record)
    return found


def drawn_ball(seed: int) -> npt.NDArray[np.uint8]:
    """A grey disc with a dark line on it: no two alike."""
    random = np.random.default_rng(seed)
    image = random.normal(205.0, 3.0, (160, 160)).clip(0, 255).astype(np.uint8)
    cv2.circle(image, (80, 80), 58, 92, -1, cv2.LINE_AA)
    x, y = (int(value) for value in random.integers(50, 110, 2))
    cv2.line(image, (x, y), (160 - x, y + 20), 40, 2, cv2.LINE_AA)
    return image


def _alarms(engine: sa.Engine, line: Line) -> None:
    """One acknowledged, one that nobody saw, one of a code that no catalogue has and that lasts."""

    def at(share: float, seconds: float = 0.0) -> int:
        return UTC_NS + round((share * line.at_s + seconds) * S_NS)

    with writing(engine) as connection:
        first = raise_alarm(connection, "e_stop", "", "stop", {}, at(0.4))
        acknowledge_alarm(connection, first, FOREMAN, at(0.4, 30.0), "кнопка у <конвейера>")
        clear_alarm(connection, first, at(0.4, 60.0))
        second = raise_alarm(connection, "camera_silent", "left", "error", {"camera": "left"}, at(0.7))
        clear_alarm(connection, second, at(0.7, 30.0))
        raise_alarm(connection, "made_up_code", "", "warning", {}, at(0.9))
