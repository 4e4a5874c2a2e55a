"""One request and one answer of the desk, as lines of JSON. Both ends use these types.

Neighbours: `client` sends, `edge_runtime.station.desk` answers.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_runtime.day.acts import Act, Name
from edge_runtime.day.refusals import ActRefused
from edge_runtime.day.state import DayState

#: longest request, bytes; the longest act fits some fifty times
REQUEST_MAX_BYTES = 1 << 16
#: longest answer, bytes: a day with all the names of closed lots that it remembers fits
ANSWER_MAX_BYTES = 1 << 20


class Request(BaseModel):
    """An act, who asks for it, and the revision of the state that they saw (null: whatever it is)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    act: Act
    by: Name
    role: Annotated[str, Field(max_length=32)]
    revision: Annotated[int, Field(ge=0)] | None = None


class Done(BaseModel):
    """It was carried out, and is on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ok: Literal[True] = True
    day: DayState


class Refusal(BaseModel):
    """It was not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ok: Literal[False] = False
    code: str
    values: dict[str, str | int] = Field(default_factory=dict)
    text: str


def read_request(line: bytes) -> Request:
    """The request of one line.

    Raises:
        ActRefused: `bad_act`, with what is wrong with it.
    """
    try:
        return Request.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        detail = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise ActRefused("bad_act", {"detail": detail[:200]}) from error


def request_line(act: Any, by: str, role: str, revision: int | None) -> bytes:
    """A request as it goes over the socket."""
    data = {"act": act.model_dump(mode="json"), "by": by, "role": role, "revision": revision}
    return json.dumps(data, ensure_ascii=False).encode("utf-8") + b"\n"


def refusal_of(refused: ActRefused) -> Refusal:
    """The answer to an act that was refused."""
    return Refusal(code=refused.code, values=refused.values, text=refused.text)


def read_answer(line: bytes) -> Done | Refusal:
    """The answer of one line.

    Raises:
        ValueError: it is none.
    """
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("an answer is an object")
    return Done.model_validate(data) if data.get("ok") is True else Refusal.model_validate(data)
