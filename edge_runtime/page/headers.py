"""Security headers of every answer, and which hosts and origins are ours.

The page needs no script, style or picture from elsewhere and none written into the HTML, so nothing of that
is allowed. Neighbour: `security` applies this to every request.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from edge_runtime.day_config import PageConfig

#: of the page and of everything that does not bring its own
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: of a report: one HTML file that can be sent by mail, with its style and pictures in it and no script
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-modals"
)
#: put where a route has not set them itself
DEFAULTS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", PAGE_POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()"),
)


def with_defaults(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers and those that it lacks."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(item for item in DEFAULTS if item[0] not in present)]


class Hosts:
    """Under which names the page may be asked for.

    A page of another site can make its own name point at this machine, and its scripts would then count as
    ours; so a name that nobody gave the page is refused. A plain IP address cannot be borrowed that way.
    """

    def __init__(self, page: PageConfig) -> None:
        self._names = {"localhost", page.host.lower(), *(name.lower() for name in page.trusted_hosts)}
        if not page.loopback:
            self._names.add(socket.gethostname().lower())
        self._any_address = not page.loopback

    def is_ours(self, host: str) -> bool:
        """Whether a Host header, 'name' or 'name:port', names this page."""
        name = host_name(host)
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback

    def is_same_origin(self, origin: str, host: str, scheme: str) -> bool:
        """Whether an Origin header is that of the page itself, asked for as `host` over `scheme`."""
        try:
            parts = urlsplit(origin)
            port = parts.port
        except ValueError:
            return False
        secure = scheme in {"https", "wss"}
        default = 443 if secure else 80
        return (
            parts.scheme == ("https" if secure else "http")
            and bool(parts.hostname)
            and (parts.hostname or "").lower() == host_name(host)
            and (port or default) == (host_port(host) or default)
        )


def host_name(host: str) -> str:
    """The name or address of a Host header, lower case, without port and brackets; '' for none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def host_port(host: str) -> int | None:
    """Its port."""
    try:
        return urlsplit(f"//{host}").port
    except ValueError:
        return None
