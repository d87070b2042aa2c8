"""Probes: is a server or a service ready? Each takes a host and a port, and returns what is missing, or None."""

import socket
from collections.abc import Callable
from typing import Any

from deploy.client.request import request
from holdfast.shared.connections.address import host_and_port

Probe = Callable[[str, int], str | None]

_TIMEOUT_S = 2.0


def redis(user: str = "", password: str = "", *, command: bytes = b"PING", wanted: bytes = b"+PONG") -> Probe:
    """Check that it has loaded its data, and answers `command` with `wanted`."""
    login = f"AUTH {user} {password}\r\n".encode() if user else b""

    def probe(host: str, port: int) -> str | None:
        try:
            with socket.create_connection((host, port), _TIMEOUT_S) as connection:
                connection.sendall(login + command + b"\r\n")
                answers = connection.makefile("rb")
                answer = answers.readline() if not login else answers.readline() + answers.readline()
        except OSError as error:
            return f"no response on port {port}: {error}"
        expected = (b"+OK\r\n" if login else b"") + wanted + b"\r\n"
        return None if answer == expected else answer.decode(errors="replace").strip()

    return probe


def mysql(host: str, port: int) -> str | None:
    """Check that it greets with protocol 10 instead of an error."""
    try:
        with socket.create_connection((host, port), _TIMEOUT_S) as connection:
            greeting = connection.recv(200)
    except OSError as error:
        return f"no greeting on port {port}: {error}"
    return None if greeting[4:5] == b"\x0a" else f"greets with {greeting[4:60]!r}"


def http_ok(path: str) -> Probe:
    """Check that it answers GET `path` with a 2xx."""

    def probe(host: str, port: int) -> str | None:
        response = request(host_and_port(host, port), "GET", path, timeout_s=_TIMEOUT_S)
        if response.status == 0:
            return f"no response to GET {path} on port {port}: {response.body['error']['code']}"
        return (
            None if 200 <= response.status < 300 else f"GET {path} returns {response.status}: {_reason(response.body)}"
        )

    return probe


def _reason(body: Any) -> str:
    """Return the details of failing checks, or the beginning of a body that is not a health report."""
    try:
        checks = body["data"]["checks"]
        return "; ".join(f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"])
    except (LookupError, TypeError, AttributeError):
        return str(body)[:500].strip()
