"""Security headers, hosts and origins."""

from __future__ import annotations

import pytest

from edge_runtime.day_config import PageConfig
from edge_runtime.page.headers import DEFAULTS, Hosts, host_name, with_defaults

LOOPBACK = PageConfig()
NETWORK = PageConfig(host="192.0.2.7", trusted_hosts=("Line.plant.kz",))


@pytest.mark.parametrize(
    ("page", "host", "ours"),
    [
        (LOOPBACK, "127.0.0.1:8080", True),
        (LOOPBACK, "localhost", True),
        (LOOPBACK, "LOCALHOST:1234", True),
        (LOOPBACK, "[::1]:8080", True),
        (LOOPBACK, "192.0.2.7:8080", False),  # nobody reaches it there
        (LOOPBACK, "evil.example", False),  # a name that was made to point here
        (LOOPBACK, "localhost.evil.example", False),
        (LOOPBACK, "127.0.0.1.evil.example", False),
        (LOOPBACK, "", False),
        (LOOPBACK, "127.0.0.1@evil.example", False),
        (LOOPBACK, "[::1", False),
        (NETWORK, "192.0.2.7:8080", True),
        (NETWORK, "10.1.2.3", True),  # another address of the same machine
        (NETWORK, "line.plant.kz", True),
        (NETWORK, "evil.example", False),
    ],
)
def test_only_our_own_names_are_answered(page: PageConfig, host: str, ours: bool) -> None:
    assert Hosts(page).is_ours(host) is ours


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "same"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "http", True),
        ("https://line.plant.kz", "line.plant.kz", "https", True),  # behind a TLS proxy
        ("https://line.plant.kz", "line.plant.kz:443", "https", True),
        ("wss://line.plant.kz", "line.plant.kz", "wss", False),  # no page has such an origin
        ("https://line.plant.kz", "line.plant.kz", "wss", True),
        ("http://line.plant.kz", "line.plant.kz", "https", False),  # an attacker in the wire
        ("https://line.plant.kz:8443", "line.plant.kz", "https", False),  # another program there
        ("http://127.0.0.1:9090", "127.0.0.1:8080", "http", False),  # another program on this machine
        ("http://localhost:8080", "127.0.0.1:8080", "http", False),
        ("https://evil.example", "127.0.0.1:8080", "http", False),
        ("null", "127.0.0.1:8080", "http", False),  # a sandboxed frame, a file
        ("", "127.0.0.1:8080", "http", False),
        ("http://[::1", "127.0.0.1:8080", "http", False),
        ("http://127.0.0.1:99999", "127.0.0.1:8080", "http", False),
        ("file://127.0.0.1:8080", "127.0.0.1:8080", "http", False),
    ],
)
def test_only_our_own_pages_may_ask_for_changes(origin: str, host: str, scheme: str, same: bool) -> None:
    assert Hosts(NETWORK).is_same_origin(origin, host, scheme) is same


def test_a_route_keeps_the_headers_it_sets_itself() -> None:
    headers = with_defaults([(b"Content-Security-Policy", b"sandbox"), (b"x-other", b"1")])
    assert headers.count((b"Content-Security-Policy", b"sandbox")) == 1
    assert [name for name, _ in headers if name.lower() == b"content-security-policy"] == [
        b"Content-Security-Policy"
    ]
    assert len(headers) == len(DEFAULTS) + 1


def test_the_name_of_a_host_header() -> None:
    assert [host_name(text) for text in ("A.b:80", "[::1]:8", "::", "[x")] == ["a.b", "::1", "", ""]
