"""The paths of every service that need no key, and the methods that change nothing."""

DOCS, DOCS_SCRIPT, DOCS_STYLE = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"
#: Starts the page.
DOCS_START = "/docs/start.js"

#: For supervisors, Prometheus, and readers of the API's document.
OPEN_PATHS = frozenset(
    {"/health", "/livez", "/readyz", "/metrics", DOCS, DOCS_SCRIPT, DOCS_STYLE, DOCS_START, "/openapi.json"}
)  # fmt: skip

#: Methods that change nothing (RFC 9110).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
