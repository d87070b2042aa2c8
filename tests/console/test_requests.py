"""The page that explains a request: it is found from the box in the header, explains in words, and executes nothing
that a client sent."""

import json
import time

from tests.console.conftest import Seen
from tests.servers import RedisServer

_ID = "req_of_the_console_test"


def test_a_request_is_found_and_explained_in_words(seen: Seen, redis_server: RedisServer) -> None:
    """An explanation has the part of each service and each decision as a sentence, with hostile values as text; for an
    unknown id the page says that nothing is known."""
    refused = {"at_ms": 1.5, "action": "call_refused", "breaker": "<img src=x onerror=alert(1)>", "refusal": "probing",
               "retry_after_s": 2.5}  # fmt: skip
    kept = {"service": "api", "instance": "api-1", "at": time.time(), "method": "GET", "route": "/users", "status": 503,
            "outcome": "rejected", "took_ms": 2.0, "deadline_ms": 5000.0, "left_ms": 4998.0, "operation_id": None,
            "trace_id": None, "decisions": [refused]}  # fmt: skip
    with redis_server.client() as redis:
        redis.rpush(f"holdfast:explain:{_ID}", json.dumps(kept))
    page = seen.page
    page.fill("#find", _ID)
    page.press("#find", "Enter")
    page.wait_for_selector("text=GET /users: rejected, status 503, after 2.0 ms of 5000 ms; 4998 ms left.")
    text = page.inner_text("main table")
    assert "The breaker <img src=x onerror=alert(1)> is trying whether it works again" in text
    page.fill("[name=id]", "req_that_nobody_knows")
    page.click("text=Explain")
    assert "Nothing is known of this request" in page.inner_text("main [role=alert]")
    page.fill("[name=id]", "<b>")
    page.click("text=Explain")
    assert "This is no id of a request" in page.inner_text("main [role=alert]")
    assert seen.complaints == []
