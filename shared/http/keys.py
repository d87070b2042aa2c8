"""Keys: API keys from a file. It holds one line per key, `name scopes sha256-of-the-key`, so that reading the file
reveals no key. The file is read again when it changes: deleting a line revokes its key.

    # name     scopes        sha256                                                            limits a minute, if any
    checkout   read,write    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  reads=6000 writes=600
    on-call    operate       60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request

from holdfast.shared.errors import NotAllowed, NotAuthenticated
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

READ, WRITE, VIEW, ANNOUNCE, OPERATE, ADMIN = "read", "write", "view", "announce", "operate", "admin"
_SCOPES = {READ, WRITE, VIEW, ANNOUNCE, OPERATE, ADMIN}
#: The scopes that a scope includes besides itself.
_INCLUDED = {OPERATE: {READ, WRITE, VIEW, ANNOUNCE}, ADMIN: {READ, WRITE, VIEW, ANNOUNCE, OPERATE}}
#: Optional limits of a key, in requests per minute.
_OPTIONS = {"reads", "writes"}
#: The form of a key's name, wherever one is given.
NAME = r"^[A-Za-z0-9._@-]{1,64}$"
_NAME = re.compile(NAME)
_DIGEST = re.compile(r"^[0-9a-f]{64}$")
_CREDENTIAL_MAX_BYTES = 512
_LOOK_EVERY_S = 2.0


class Principal(NamedTuple):
    """The holder of a key. The scope `announce` is for machines that report alerts and faults. `operate` includes every
    scope but `admin`, and `admin` includes all of them."""

    name: str
    scopes: frozenset[str]
    #: The rest of the key's line, `name=value`: the key's own rate limits.
    options: Mapping[str, str] = {}

    def may(self, scope: str) -> bool:
        """Return whether the principal has `scope`, or a scope that includes it."""
        return scope in self.scopes or any(scope in _INCLUDED.get(has, ()) for has in self.scopes)

    @property
    def role(self) -> str:
        """The most powerful scope of the principal."""
        return next((scope for scope in (ADMIN, OPERATE, VIEW, ANNOUNCE, WRITE, READ) if scope in self.scopes), "")


#: The principal of a caller without a key, where that is allowed.
ANYBODY = Principal("anonymous", frozenset({READ, WRITE}))


class Keys:
    """The keys of a file; no keys without a file. `open_to_all`: reading and writing need no key."""

    def __init__(self, path: Path | None, *, open_to_all: bool) -> None:
        """Read the file. Raises ValueError, naming the line, if it is invalid."""
        self._path = path
        self._open_to_all = open_to_all
        self._looked_at = time.monotonic()
        self._changed_at = path.stat().st_mtime_ns if path else 0
        self._known = parse(path.read_text()) if path else {}

    def who(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Return the holder of the key in `Authorization: Bearer KEY` or `X-API-Key: KEY`. Without a key, return
        ANYBODY if open to all, else None. Raises NotAuthenticated for an unknown key, an empty key, and two keys that
        differ."""
        credential = _credential(headers)
        if credential is None:
            return ANYBODY if self._open_to_all else None
        self._look_again()
        digest = hashlib.sha256(credential).hexdigest()
        for known, principal in self._known.items():
            if hmac.compare_digest(known, digest):
                return principal
        raise NotAuthenticated("This key is not known.")

    def holder(self, digest: str) -> Principal | None:
        """Return the holder of the key whose SHA-256 begins with `digest` (hex, at least 32 digits), or None if it was
        revoked."""
        self._look_again()
        return next((holder for known, holder in self._known.items() if known.startswith(digest)), None)

    def has(self, name: str, scope: str) -> bool:
        """Return whether a key of this name has `scope`, or a scope that includes it."""
        self._look_again()
        return any(holder.name == name and holder.may(scope) for holder in self._known.values())

    def _look_again(self) -> None:
        now = time.monotonic()
        if self._path is None or now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._changed_at:
                self._known = parse(self._path.read_text())
                self._changed_at = changed_at
                logs.info(Action.KEYS_READ, keys=len(self._known))
        except (OSError, ValueError) as error:
            logs.error(Action.KEYS_UNREADABLE, error=str(error))


def require(request: Request, scope: str) -> Principal:
    """Return the request's principal if it has `scope`. Raises NotAuthenticated or NotAllowed."""
    return allowed(request.scope.get("principal"), scope)


def allowed(principal: Principal | None, scope: str) -> Principal:
    """Return the principal if it has `scope`. Raises NotAuthenticated or NotAllowed."""
    if principal is not None and principal.may(scope):
        return principal
    if principal is None or principal is ANYBODY:
        raise NotAuthenticated()
    raise NotAllowed(details={"scope": scope})


def parse(text: str) -> dict[str, Principal]:
    """Parse the text of a keys file. Return digest -> principal. Raises ValueError, naming the line."""
    known: dict[str, Principal] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, scopes, digest, *rest = [*words, "", ""]
        options = dict(word.partition("=")[::2] for word in rest if word)
        if not all(name in _OPTIONS and value.isdecimal() for name, value in options.items()):
            raise ValueError(f"line {number} of the keys has more than numbers for {sorted(_OPTIONS)}")
        if not _NAME.fullmatch(name) or not _DIGEST.match(digest) or not set(scopes.split(",")) <= _SCOPES:
            raise ValueError(f"line {number} of the keys is not `name scopes sha256`, scopes of {sorted(_SCOPES)}")
        if digest in known:
            raise ValueError(f"line {number} of the keys repeats an earlier key")
        known[digest] = Principal(name, frozenset(scopes.split(",")), options)
    return known


def new_key(name: str, scopes: str) -> tuple[str, str]:
    """Return (a new key, its line for the file). The key itself is not stored anywhere."""
    key = f"hf_{secrets.token_urlsafe(32)}"
    line = f"{name} {scopes} {hashlib.sha256(key.encode()).hexdigest()}"
    parse(line)
    return key, line


def _credential(headers: Mapping[bytes, bytes]) -> bytes | None:
    bearer, key = headers.get(b"authorization"), headers.get(b"x-api-key")
    if key == b"":
        raise _unusable("X-API-Key is empty.", "must be a key, or be left out")
    if bearer is None:
        credential = key
    else:
        kind, _, credential = bearer.partition(b" ")
        if kind.lower() != b"bearer":
            raise NotAuthenticated("Only `Authorization: Bearer KEY` is understood.")
        if key is not None and key.strip() != credential.strip():
            raise _unusable("Authorization and X-API-Key differ.", "must be the key in Authorization, or be left out")
    if credential is None:
        return None
    credential = credential.strip()
    if not 0 < len(credential) <= _CREDENTIAL_MAX_BYTES:
        raise NotAuthenticated("This key is not known.")
    return credential


def _unusable(message: str, constraint: str) -> NotAuthenticated:
    return NotAuthenticated(message, details={"field": "X-API-Key", "constraint": constraint})
