"""Reason codes: one word for people, one number for the PLC.

The numbers are part of the register map (docs/plc_registers.md): never renumber,
only append.
"""

from __future__ import annotations

from vision.contract import BALL_LABELS

#: word -> number in the PLC's `reason` register (u16); 0 means none.
REASON_NUMBERS: dict[str, int] = {
    "": 0,
    # Found on the ball: 1..49.
    **{label: number for number, label in enumerate(BALL_LABELS, start=1)},
    "diameter_low": 20,
    "diameter_high": 21,
    "oval": 22,
    "coverage": 23,
    "roundness": 24,
    "speck": 25,
    # The pictures prove nothing: 50..79.
    "view_missing": 50,
    "view_unhealthy": 51,
    "misplaced": 52,
    "overlapping": 53,
    "no_scale": 54,
    "frame_unhealthy": 55,
    "no_views_due": 56,
    "no_temperature": 57,
    # Identity and time: 80..109.
    "late": 80,
    "duplicate": 81,
    "stale_epoch": 82,
    "pulse_long": 83,
    "pulse_short": 84,
    "near_untriggered": 85,
    "too_close": 86,
    "not_ready": 87,
    "no_vision": 88,
    "crash": 89,
    "stop": 90,
    "reverse": 91,
    "verdict_ring_full": 92,
    # Review: 110..119.
    "score_review": 110,
    "unverified_limit": 111,
    "uncertainty": 112,
    "size_guard": 113,
    "oval_guard": 114,
    "roundness_guard": 115,
    "not_measured": 116,
    # The station itself: 120..
    "inspection_error": 120,
    "journal_full": 121,
    "camera_lost": 122,
    "untrusted_camera": 123,
    # Rails, found: 130..139; why a picture of one proves nothing: 140..149.
    "defect": 130,
    "dirt": 131,
    "gap": 132,
    "rail_not_found": 140,
    "single_picture": 141,
}

REASON_WORDS: dict[int, str] = {number: word for word, number in REASON_NUMBERS.items()}


def reason_number(word: str) -> int:
    """Number of a reason word.

    Raises:
        KeyError: the word is not in the table (a programming error: add it above).
    """
    return REASON_NUMBERS[word]


def reason_word(number: int) -> str:
    """Word of a reason number; an unknown number is said, not hidden."""
    return REASON_WORDS.get(number, f"unknown_{number}")
