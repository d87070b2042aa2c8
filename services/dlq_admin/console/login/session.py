"""Session: a login in a signed cookie. The cookie names the key, so that revoking the key ends the session. Pure."""

import hashlib
import secrets
from typing import NamedTuple

from itsdangerous import BadData, Signer, URLSafeSerializer

_DIGEST_CHARS = 32
_SIGNED_WITH = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


class Session(NamedTuple):
    """A login. `key`: the start of the key's SHA-256. Times are Unix seconds. `nonce` stays the same when the session
    is prolonged."""

    key: str
    began_at: int
    ends_at: int
    nonce: str


class Sessions:
    """Makes and reads cookies. `life_s`: how long a session lasts after the last page; `most_s`: how long it lasts
    after the login at most."""

    def __init__(self, secret: bytes, life_s: float, most_s: float) -> None:
        self._cookies = URLSafeSerializer(secret, salt="session", signer_kwargs=_SIGNED_WITH)
        self._forms = Signer(secret, salt="form", digest_method=hashlib.sha256, key_derivation="hmac")
        self._life_s = int(life_s)
        self._most_s = int(most_s)

    def begin(self, credential: str, now: float) -> tuple[Session, str]:
        """Begin a session for a valid key, and return it with its cookie."""
        digest = hashlib.sha256(credential.encode()).hexdigest()[:_DIGEST_CHARS]
        session = self._extended(Session(digest, int(now), 0, secrets.token_urlsafe(16)), now)
        return session, self._cookies.dumps(session)

    def read(self, cookie: str, now: float) -> Session | None:
        """Return the session of a cookie, or None if the cookie is not signed by this service or its session is
        over."""
        try:
            session = Session(*self._cookies.loads(cookie))
        except BadData:
            return None
        return session if now < min(session.ends_at, session.began_at + self._most_s) else None

    def prolonged(self, session: Session, now: float) -> tuple[Session, str] | None:
        """Return the session with a later end, and its cookie. Return None if it lasts long enough, or cannot last
        longer."""
        later = self._extended(session, now)
        if later.ends_at - session.ends_at < self._life_s / 4:
            return None
        return later, self._cookies.dumps(later)

    def csrf(self, session: Session) -> str:
        """Return the token that every form of the session carries."""
        return self._forms.get_signature(session.nonce).decode()

    def is_csrf(self, session: Session, token: str) -> bool:
        """Return whether a form's token belongs to the session."""
        return self._forms.verify_signature(session.nonce, token)

    def _extended(self, session: Session, now: float) -> Session:
        return session._replace(ends_at=min(int(now) + self._life_s, session.began_at + self._most_s))
