"""What every service agrees on about who may ask for what without a key, and which methods only look."""

#: How a service is seen by what runs it, and what it says of itself.
OPEN_PATHS = frozenset({"/health", "/livez", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json"})

#: Methods that change nothing (RFC 9110).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
