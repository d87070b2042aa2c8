"""What every service agrees on about who may ask for what without a key, and which methods only look."""

DOCS, DOCS_SCRIPT, DOCS_STYLE = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"
#: Shows the description with them.
DOCS_START = "/docs/start.js"

#: How a service is seen by what runs it, and what it says of itself.
OPEN_PATHS = frozenset(
    {"/health", "/livez", "/readyz", "/metrics", DOCS, DOCS_SCRIPT, DOCS_STYLE, DOCS_START, "/openapi.json"}
)  # fmt: skip

#: Methods that change nothing (RFC 9110).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
