"""`/users`: thin handlers. The body is read as bytes and validated in one step, which is a third faster than
FastAPI's own way; `openapi` says what FastAPI then cannot see."""

import base64
import binascii
from typing import Annotated

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import headers, openapi
from holdfast.services.api.bodies import parse_patch, parse_user
from holdfast.services.api.ids import canonical
from holdfast.services.api.view import View, describe_user
from holdfast.services.api.write import WritePath
from holdfast.shared.domain.typed import EMAIL_MAX_CHARS
from holdfast.shared.errors import InvalidCursor, UserNotFound
from holdfast.shared.http.body import read_body
from holdfast.shared.http.degraded import degraded
from holdfast.shared.http.envelope import success
from holdfast.shared.http.etag import etag
from holdfast.shared.writes.commands import email_key

_LIMIT_MAX = 200
#: As it may be typed: a composed character counts once in an address, and has up to four parts here.
_TYPED_EMAIL_MAX_CHARS = 4 * EMAIL_MAX_CHARS

UserId = Annotated[str, Path(description="The user's id", json_schema_extra={"format": "uuid"})]


def add_routes(app: FastAPI, path: WritePath, view: View) -> None:
    """Everything under `/users`."""
    _add_writes(app, path)
    _add_reads(app, view)


def _add_writes(app: FastAPI, path: WritePath) -> None:

    @app.post("/users", status_code=202, **openapi.CREATE)
    async def create_user(request: Request) -> Response:
        headers.require_json(request)
        return await path.take(request, "CreateUser", parse_user(await read_body(request)), None)

    @app.put("/users/{user_id}", status_code=202, **openapi.REPLACE)
    async def replace_user(request: Request, user_id: UserId) -> Response:
        headers.require_json(request)
        known = _id(user_id)
        return await path.take(request, "ReplaceUser", parse_user(await read_body(request)), known)

    @app.patch("/users/{user_id}", status_code=202, **openapi.UPDATE)
    async def update_user(request: Request, user_id: UserId) -> Response:
        headers.require_json(request)
        known = _id(user_id)
        return await path.take(request, "UpdateUser", parse_patch(await read_body(request)), known)

    @app.delete("/users/{user_id}", status_code=202, **openapi.DELETE)
    async def delete_user(request: Request, user_id: UserId) -> Response:
        return await path.take(request, "DeleteUser", {}, _id(user_id))


def _add_reads(app: FastAPI, view: View) -> None:
    @app.get("/users/{user_id}", **openapi.READ)
    async def read_user(request: Request, user_id: UserId) -> Response:
        seen = await view.user(_id(user_id), fresh=headers.wants_fresh(request))
        if not seen.users:
            raise UserNotFound(details={"field": "user_id", "value": user_id, "constraint": "must exist"})
        user = seen.users[0]
        if seen.copy and seen.instead_of:
            return degraded(request, seen.instead_of, seen.copy.as_of, describe_user(user), "cached_user", {})
        meta = {"pending": seen.pending, "request_id": request.scope["request_id"]}
        kept = {"ETag": etag(user.version), "Cache-Control": "no-cache"}
        return success(describe_user(user), meta=meta, headers=kept)

    @app.get("/users", **openapi.LIST)
    async def list_users(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=_LIMIT_MAX, description="Most users in one answer")] = 50,
        cursor: Annotated[str | None, Query(max_length=64, description="`meta.next_cursor` of the page before")] = None,
        email: Annotated[
            str | None, Query(max_length=_TYPED_EMAIL_MAX_CHARS, description="Only the user with this address")
        ] = None,
    ) -> Response:
        fresh = headers.wants_fresh(request)
        if email is not None:
            seen = await view.by_email(email_key(email.strip()), fresh=fresh)
        else:
            seen = await view.page(_position(cursor), limit, fresh=fresh)
        meta = {
            "next_cursor": _cursor(seen.next_after) if seen.next_after else None,
            "limit": limit,
            "request_id": request.scope["request_id"],
        }
        data = [describe_user(user) for user in seen.users]
        if seen.copy and seen.instead_of:
            return degraded(request, seen.instead_of, seen.copy.as_of, data, "cached_users", meta)
        return success(data, meta=meta)


def _id(raw: str) -> str:
    """A user's id. What can be nobody's id is nobody's."""
    user_id = canonical(raw)
    if user_id is None:
        raise UserNotFound(details={"field": "user_id", "value": raw[:100], "constraint": "must be a UUID"})
    return user_id


def _cursor(version: int) -> str:
    """Opaque to the caller, so that its meaning stays ours to change."""
    return base64.urlsafe_b64encode(f"v1:{version}".encode()).decode().rstrip("=")


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        kind, _, version = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        if kind == "v1" and version.isdigit() and len(version) <= 16:
            return int(version)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidCursor(
        details={"field": "cursor", "value": cursor[:64], "constraint": "must be a meta.next_cursor"},
    )
