"""Open paths: the paths of every service that need no key, and the methods that change nothing."""

DOCS, DOCS_SCRIPT, DOCS_STYLE = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"
#: The script that starts the page.
DOCS_START = "/docs/start.js"

#: For supervisors and Prometheus. Never shed, whatever the load.
KEPT_PATHS = frozenset({"/health", "/livez", "/readyz", "/metrics"})
#: In addition, the paths for readers of the API's document.
OPEN_PATHS = KEPT_PATHS | {DOCS, DOCS_SCRIPT, DOCS_STYLE, DOCS_START, "/openapi.json"}

#: Methods that change nothing (RFC 9110).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
