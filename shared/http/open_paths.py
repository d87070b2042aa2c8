"""The paths of every service that need no key, and the methods that change nothing."""

DOCS, DOCS_SCRIPT, DOCS_STYLE = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"
#: Starts the page.
DOCS_START = "/docs/start.js"

#: For supervisors and Prometheus. Never turned away, however much there is to do.
KEPT_PATHS = frozenset({"/health", "/livez", "/readyz", "/metrics"})
#: And for readers of the API's document.
OPEN_PATHS = KEPT_PATHS | {DOCS, DOCS_SCRIPT, DOCS_STYLE, DOCS_START, "/openapi.json"}

#: Methods that change nothing (RFC 9110).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
