"""Origins: parses the setting that lists the origins whose web pages may use a service. Pure."""

import re
from urllib.parse import urlsplit


def parse_origins(text: str) -> frozenset[str]:
    """Parse a list such as `https://app.example, http://localhost:3000`. Return the origins in the form that browsers
    send. Raises ValueError, also for `*`: every origin has to be named."""
    origins = frozenset(one.strip().lower() for one in text.split(",") if one.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9.\-\[\]:]+", parts.netloc):
            raise ValueError(f"{origin[:100]} is not an origin such as https://app.example")
        if origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin[:100]} is more than an origin: remove everything after the host")
    return origins
