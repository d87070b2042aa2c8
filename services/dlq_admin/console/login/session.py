"""Session: who is logged in, in a signed cookie. It names the key, so that a revoked key ends it. Pure."""

import hashlib
import secrets
from typing import NamedTuple

from itsdangerous import BadData, Signer, URLSafeSerializer

_DIGEST_CHARS = 32
_SIGNED_WITH = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


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
        self._cookies = URLSafeSerializer(secret, salt="session", signer_kwargs=_SIGNED_WITH)
        self._forms = Signer(secret, salt="form", digest_method=hashlib.sha256, key_derivation="hmac")
        self._life_s = int(life_s)
        self._most_s = int(most_s)

    def begin(self, credential: str, now: float) -> tuple[Session, str]:
        """The session of a key that was found right, and its cookie."""
        digest = hashlib.sha256(credential.encode()).hexdigest()[:_DIGEST_CHARS]
        session = self._extended(Session(digest, int(now), 0, secrets.token_urlsafe(16)), now)
        return session, self._cookies.dumps(session)

    def read(self, cookie: str, now: float) -> Session | None:
        """None: not signed by us, or over."""
        try:
            session = Session(*self._cookies.loads(cookie))
        except BadData:
            return None
        return session if now < min(session.ends_at, session.began_at + self._most_s) else None

    def prolonged(self, session: Session, now: float) -> tuple[Session, str] | None:
        """The same session with a later end, and its cookie; None: it lasts long enough, or cannot last longer."""
        later = self._extended(session, now)
        if later.ends_at - session.ends_at < self._life_s / 4:
            return None
        return later, self._cookies.dumps(later)

    def csrf(self, session: Session) -> str:
        """The token that every form of this session carries."""
        return self._forms.get_signature(session.nonce).decode()

    def is_csrf(self, session: Session, token: str) -> bool:
        """Whether a form is of this session."""
        return self._forms.verify_signature(session.nonce, token)

    def _extended(self, session: Session, now: float) -> Session:
        return session._replace(ends_at=min(int(now) + self._life_s, session.began_at + self._most_s))
