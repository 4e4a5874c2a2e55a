"""What the station file says of the people's side: the page, the recipes on offer, challenge balls.

Neighbours: `edge_runtime.config` holds the whole file and hands these types on.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge_runtime.camera_config import Strict
from edge_runtime.reports.words import Language


class PageConfig(Strict):
    """Where the page is served. It speaks plain HTTP: beyond this machine put a TLS proxy before it."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    language: Language = Field(default="ru", description="until a reader chooses another one")
    utc_offset_hours: Annotated[float, Field(ge=-12.0, le=14.0)] = Field(
        default=5.0, description="the plant's clock, for pages and reports; Kazakhstan is 5"
    )
    view_without_sign_in: bool = Field(
        default=True, description="anybody who reaches the page may look; acts need a sign-in"
    )
    behind_proxy: bool = Field(
        default=False, description="a TLS proxy on this machine stands before it: cookies are Secure"
    )
    trusted_hosts: tuple[str, ...] = Field(
        default=(), description="names under which a proxy serves it; requests for others are refused"
    )
    idle_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] = 30.0
    session_hours: Annotated[float, Field(gt=0.0, le=24.0)] = 12.0

    @property
    def loopback(self) -> bool:
        """Only this machine reaches it."""
        if self.host == "localhost":
            return True
        return ipaddress.ip_address(self.host).is_loopback

    @model_validator(mode="after")
    def _is_an_address(self) -> PageConfig:
        if self.host != "localhost":
            try:
                ipaddress.ip_address(self.host)
            except ValueError as error:
                raise ValueError(f"page.host: {error}; give an IP address or 'localhost'") from error
        return self


class ChallengeConfig(Strict):
    """When challenge balls are due."""

    at_shift_start: bool = True
    every_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] | None = Field(
        default=240.0, description="and so often during a shift; null: only at its start"
    )
    grace_minutes: Annotated[float, Field(ge=0.0, le=240.0)] = 15.0
    when_overdue: Literal["alarm", "hold"] = Field(
        default="alarm", description="hold: not Ready, everything is rejected until one has passed"
    )
    balls: Annotated[int, Field(ge=1, le=50)] = Field(default=3, description="offered by the page")
