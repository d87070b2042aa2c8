"""Control: the proxy's faults over HTTP, for scripts and people.

GET /faults    the faults in force, and counts
PUT /faults    replace them; `{}` ends all faults
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any

from deploy.faults.faults import Faults, InvalidFaults
from deploy.faults.proxy import Proxy

_BODY_MAX_BYTES = 64 * 1024
_PATIENCE_S = 5.0


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


async def control(proxy: Proxy, port: int) -> asyncio.Server:
    """Listen on 127.0.0.1 only. Port 0: any free port. Raises OSError if the port is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = HTTPStatus.OK
        try:
            async with asyncio.timeout(_PATIENCE_S):
                document = await _handle(proxy, reader)
        except _Refused as refused:
            status, document = refused.status, {"error": str(refused)}
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            status, document = HTTPStatus.BAD_REQUEST, {"error": "the request is incomplete"}
        body = json.dumps(document).encode() + b"\n"
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)


async def _handle(proxy: Proxy, reader: asyncio.StreamReader) -> dict[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, *_ = [*head[0].split(" "), "", ""]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if path != "/faults":
        raise _Refused(HTTPStatus.NOT_FOUND, "there is only /faults")
    if method == "PUT":
        await proxy.set(_faults(await _body(reader, headers)))
    elif method != "GET":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET or PUT")
    return {
        "faults": proxy.faults.to_json(),
        "connections": proxy.connections,
        "clients": proxy.clients,
        "accepted": proxy.accepted,
        "lost_replies": proxy.lost_replies,
    }


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise _Refused(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
    if int(length) > _BODY_MAX_BYTES:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_BODY_MAX_BYTES} bytes")
    return await reader.readexactly(int(length))


def _faults(body: bytes) -> Faults:
    try:
        return Faults.from_json(json.loads(body))
    except (InvalidFaults, ValueError, RecursionError) as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
