"""Session: who is logged in, in a signed cookie. It names the key, so that a revoked key ends it. Pure."""

import hashlib
import hmac
import secrets
from typing import NamedTuple

_DIGEST_CHARS = 32


class Session(NamedTuple):
    """`key`: the start of the key's SHA-256. Times are Unix seconds. `nonce` stays the same when it is prolonged."""

    key: str
    began_at: int
    ends_at: int
    nonce: str


class Sessions:
    """Makes cookies and reads them. `life_s`: how long one is good for after the last page; `most_s`: after the login,
    however many pages there were."""

    def __init__(self, secret: bytes, life_s: float, most_s: float) -> None:
        self._secret = secret
        self._life_s = int(life_s)
        self._most_s = int(most_s)

    def begin(self, credential: str, now: float) -> tuple[Session, str]:
        """The session of a key that was found right, and its cookie."""
        digest = hashlib.sha256(credential.encode()).hexdigest()[:_DIGEST_CHARS]
        session = self._lasting(Session(digest, int(now), 0, secrets.token_urlsafe(16)), now)
        return session, self._cookie(session)

    def read(self, cookie: str, now: float) -> Session | None:
        """None: not ours, or over."""
        key, began_at, ends_at, nonce, mac = [*cookie.split("."), "", "", "", "", ""][:5]
        signed = f"{key}.{began_at}.{ends_at}.{nonce}"
        if not hmac.compare_digest(mac.encode(), self._mac("session", signed).encode()):
            return None
        session = Session(key, int(began_at), int(ends_at), nonce)
        return session if now < min(session.ends_at, session.began_at + self._most_s) else None

    def prolonged(self, session: Session, now: float) -> tuple[Session, str] | None:
        """The same session with a later end, and its cookie; None: it lasts long enough, or cannot last longer."""
        later = self._lasting(session, now)
        if later.ends_at - session.ends_at < self._life_s / 4:
            return None
        return later, self._cookie(later)

    def csrf(self, session: Session) -> str:
        """What every form of this session carries."""
        return self._mac("form", session.nonce)

    def is_csrf(self, session: Session, token: str) -> bool:
        """Whether a form is of this session."""
        return hmac.compare_digest(self.csrf(session).encode(), token.encode())

    def _lasting(self, session: Session, now: float) -> Session:
        return session._replace(ends_at=min(int(now) + self._life_s, session.began_at + self._most_s))

    def _cookie(self, session: Session) -> str:
        signed = f"{session.key}.{session.began_at}.{session.ends_at}.{session.nonce}"
        return f"{signed}.{self._mac('session', signed)}"

    def _mac(self, use: str, text: str) -> str:
        return hmac.new(self._secret, f"{use}:{text}".encode(), hashlib.sha256).hexdigest()
