"""Probes: is a server or a service ready? Each takes its host and port and says what is missing, or None when
nothing is."""

import http.client
import json
import socket
from collections.abc import Callable

Probe = Callable[[str, int], str | None]

_TIMEOUT_S = 2.0


def redis(user: str = "", password: str = "") -> Probe:
    """Answers PING, and has loaded its data."""
    login = f"AUTH {user} {password}\r\n".encode() if user else b""

    def probe(host: str, port: int) -> str | None:
        try:
            with socket.create_connection((host, port), _TIMEOUT_S) as connection:
                connection.sendall(login + b"PING\r\n")
                answers = connection.makefile("rb")
                answer = answers.readline() if not login else answers.readline() + answers.readline()
        except OSError as error:
            return f"no answer on port {port}: {error}"
        wanted = b"+OK\r\n+PONG\r\n" if login else b"+PONG\r\n"
        return None if answer == wanted else answer.decode(errors="replace").strip()

    return probe


def mysql(host: str, port: int) -> str | None:
    """Greets with protocol 10 rather than with an error."""
    try:
        with socket.create_connection((host, port), _TIMEOUT_S) as connection:
            greeting = connection.recv(200)
    except OSError as error:
        return f"no greeting on port {port}: {error}"
    return None if greeting[4:5] == b"\x0a" else f"greets with {greeting[4:60]!r}"


def http_ok(path: str) -> Probe:
    """Answers GET `path` with a 2xx."""

    def probe(host: str, port: int) -> str | None:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read(10_000)
        except (OSError, http.client.HTTPException) as error:
            return f"no answer to GET {path} on port {port}: {error}"
        finally:
            connection.close()
        return None if 200 <= response.status < 300 else f"GET {path} says {response.status}: {_reason(body)}"

    return probe


def _reason(body: bytes) -> str:
    """What the checks that fail see; of what is no health answer, its beginning."""
    try:
        checks = json.loads(body)["data"]["checks"]
        return "; ".join(f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return body[:500].decode(errors="replace").strip()
