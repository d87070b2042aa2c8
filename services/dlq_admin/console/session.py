"""Session: who is logged in, in a signed cookie. It names the key, so that a revoked key ends it. Pure."""

import hashlib
import hmac
import secrets
from typing import NamedTuple

_DIGEST_CHARS = 32


class Session(NamedTuple):
    """`key`: the start of the key's SHA-256. `nonce` stays the same when the session is prolonged."""

    key: str
    ends_at: int
    nonce: str


class Sessions:
    """Makes cookies and reads them. `life_s`: how long one is good for after the last page."""

    def __init__(self, secret: bytes, life_s: float) -> None:
        self._secret = secret
        self._life_s = int(life_s)

    @property
    def life_s(self) -> int:
        """Seconds."""
        return self._life_s

    def begin(self, credential: str, now: float) -> str:
        """The cookie of a key that was found right."""
        digest = hashlib.sha256(credential.encode()).hexdigest()[:_DIGEST_CHARS]
        return self._cookie(Session(digest, int(now) + self._life_s, secrets.token_urlsafe(16)))

    def read(self, cookie: str, now: float) -> Session | None:
        """None: not ours, or over."""
        key, ends_at, nonce, mac = [*cookie.split("."), "", "", "", ""][:4]
        if not hmac.compare_digest(mac.encode(), self._mac("session", f"{key}.{ends_at}.{nonce}").encode()):
            return None
        session = Session(key, int(ends_at), nonce)
        return session if now < session.ends_at else None

    def prolonged(self, session: Session, now: float) -> str | None:
        """A later cookie of the same session; None: it is good for long enough."""
        if session.ends_at - now > self._life_s * 3 / 4:
            return None
        return self._cookie(session._replace(ends_at=int(now) + self._life_s))

    def csrf(self, session: Session) -> str:
        """What every form of this session carries."""
        return self._mac("form", session.nonce)

    def is_csrf(self, session: Session, token: str) -> bool:
        """Whether a form is of this session."""
        return hmac.compare_digest(self.csrf(session).encode(), token.encode())

    def _cookie(self, session: Session) -> str:
        told = f"{session.key}.{session.ends_at}.{session.nonce}"
        return f"{told}.{self._mac('session', told)}"

    def _mac(self, use: str, text: str) -> str:
        return hmac.new(self._secret, f"{use}:{text}".encode(), hashlib.sha256).hexdigest()
