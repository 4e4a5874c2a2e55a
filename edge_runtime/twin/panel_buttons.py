"""What each button of the plant panel does to the field wiring, and what the panel shows of it.

Neighbours: `panel` puts it on a page; `line`, its PLC and its cameras obey the wiring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge_runtime.plc.registers import KeySwitch
from edge_runtime.twin.challenge_balls import KINDS, challenge_word
from edge_runtime.twin.field import Field, Word
from edge_runtime.twin.knobs import knob
from edge_runtime.twin.settings import CAMERAS

Value = bool | float | str | None

#: buttons that stay as they are put
TOGGLES: Mapping[str, Word] = {
    "run": Word.START_REQUEST,
    "feed_hold": Word.FEED_HOLD,
    "e_stop": Word.BUTTON_E_STOP,
    "guard": Word.BUTTON_GUARD,
    "air_low": Word.BUTTON_AIR_LOW,
    "bin_full": Word.BUTTON_BIN_FULL,
}
#: knob -> word, steps of the word to one unit of the knob, value as built, smallest, largest
_KNOBS: Mapping[str, tuple[Word, float, float, float, float]] = {
    "blur_px": (Word.KNOB_BLUR_X10, 10.0, 0.0, 0.0, 10.0),
    "lamp_percent": (Word.KNOB_LAMP_OFF_PERMILLE, 10.0, 100.0, 0.0, 200.0),
    "shift_x_px": (Word.KNOB_SHIFT_X_X10, 10.0, 0.0, -100.0, 100.0),
    "shift_y_px": (Word.KNOB_SHIFT_Y_X10, 10.0, 0.0, -100.0, 100.0),
}
_SPEED_PERCENT = (10.0, 100.0)
_PERMILLE = 10.0


class NoSuchButtonError(ValueError):
    """The panel has no such button, or it cannot be put like that."""


def press(field: Field, button: str, value: Value, camera: str = "") -> None:
    """Press a button.

    Args:
        field: field wiring.
        button: one of `TOGGLES`, a knob of a camera, or 'key', 'reset', 'drop', 'speed_percent', 'as_built'.
        value: on or off, a place of the key, a kind of ball, a number; None where there is nothing to say.
        camera: whose knob.

    Raises:
        NoSuchButtonError: no such button, value or camera.
    """
    acts: dict[str, Callable[[], None]] = {
        "key": lambda: field.set(Word.KEY_SWITCH, _key(value)),
        "reset": lambda: _add(field, Word.BUTTON_RESET),
        "drop": lambda: _add(field, _kind_word(value)),
        "speed_percent": lambda: _speed(field, value),
        "as_built": lambda: _as_built(field),
    }
    if button in acts:
        acts[button]()
    elif button in TOGGLES:
        if not isinstance(value, bool):
            raise NoSuchButtonError(f"'{button}' is put on or off, not to {value!r}")
        field.set(TOGGLES[button], int(value))
    elif button in _KNOBS:
        _turn(field, button, value, camera)
    else:
        raise NoSuchButtonError(f"there is no button '{button}'")


def shown(field: Field, lane: int) -> dict[str, Any]:
    """What stands how, as plain values."""
    return {
        "buttons": {name: field.get(word) != 0 for name, word in TOGGLES.items()},
        "key": _key_word(field.get(Word.KEY_SWITCH)),
        "speed_percent": round(100.0 + field.get(Word.SPEED_OFF_PERMILLE) / _PERMILLE),
        "cameras": {camera: _knobs(field, camera) for camera in CAMERAS},
        "kinds": list(KINDS),
        "belt_runs": field.get(Word.BELT_ENABLE) != 0 and field.get(Word.START_REQUEST) != 0,
        "latched": field.get(Word.STOP_LATCHED) != 0,
        "gate_open": field.gate(lane)[0],
        "balls_entered": field.get(Word.BALLS_ENTERED),
        "balls_left": field.get(Word.BALLS_PLACED),
    }


def _knobs(field: Field, camera: str) -> dict[str, float]:
    return {
        name: as_built + field.get(knob(word, camera)) / steps
        for name, (word, steps, as_built, _, _) in _KNOBS.items()
    }


def _key(value: Value) -> KeySwitch:
    try:
        return KeySwitch[str(value).upper()]
    except KeyError as error:
        raise NoSuchButtonError(f"the key has no place '{value}'") from error


def _key_word(contacts: int) -> str:
    return KeySwitch(contacts).name.lower() if contacts in set(KeySwitch) else KeySwitch.AUTO.name.lower()


def _kind_word(value: Value) -> int:
    if value not in KINDS:
        raise NoSuchButtonError(f"there is no challenge ball '{value}'")
    return challenge_word(str(value))


def _add(field: Field, word: int) -> None:
    field.add(word)


def _number(name: str, value: Value, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise NoSuchButtonError(f"'{name}' is a number from {low:g} to {high:g}, not {value!r}")
    return float(value)


def _speed(field: Field, value: Value) -> None:
    percent = _number("speed_percent", value, *_SPEED_PERCENT)
    field.set(Word.SPEED_OFF_PERMILLE, round((percent - 100.0) * _PERMILLE))


def _turn(field: Field, name: str, value: Value, camera: str) -> None:
    if camera not in CAMERAS:
        raise NoSuchButtonError(f"there is no camera '{camera}'")
    word, steps, as_built, low, high = _KNOBS[name]
    field.set(knob(word, camera), round((_number(name, value, low, high) - as_built) * steps))


def _as_built(field: Field) -> None:
    """Speed and cameras as they came."""
    field.set(Word.SPEED_OFF_PERMILLE, 0)
    for camera in CAMERAS:
        for word, *_ in _KNOBS.values():
            field.set(knob(word, camera), 0)
