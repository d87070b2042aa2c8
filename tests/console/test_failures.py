"""The page of failures: groups with their cause, what began at the same time, and a link to each request's
explanation."""

import json
import time

from holdfast.shared.http.failures.group import Group, Kind, Trouble
from tests.console.conftest import Seen, accessible
from tests.servers import RedisServer


def test_a_group_is_shown_with_its_cause(seen: Seen, redis_server: RedisServer) -> None:
    """A group of failures shows its cause, its clients and whether retries helped, with hostile codes as text; callers'
    mistakes are shown on request."""
    now = time.time()
    failed, mistaken = Group(), Group()
    for number in range(3):
        failed.add(now - number, number, f"req_of_failure_{number}")
    failed.retried, failed.helped = 2, 1
    mistaken.add(now, 1, "req_of_a_mistake")
    kinds = (
        Kind("/users", "GET", Trouble.FAILED, "database_error", "<b>CODE</b>", "database", "1+a"),
        Kind("/users", "POST", Trouble.MISTAKE, "validation_error", "INVALID_EMAIL_FORMAT", "", "1+a"),
    )
    groups = [[*kind, group.as_json()] for kind, group in zip(kinds, (failed, mistaken), strict=True)]
    report = {"build": "1+a", "started_s": now - 2, "at_s": now, "left_out": 0, "groups": groups}
    with redis_server.client() as redis:
        redis.hset("holdfast:failures", "api/api-1", json.dumps(report))
        redis.hset("holdfast:failures", "api/api-2", "what another build wrote")
    page = seen.page
    page.click("nav >> text=Failures")
    page.wait_for_selector("text=because of")
    text = page.inner_text("#failures")
    assert "<b>CODE</b>" in text
    assert "1 of 2 retries helped" in text
    assert "start api api-1" in text
    assert "INVALID_EMAIL_FORMAT" not in text
    accessible(page, "Failures")
    page.click("text=Callers' mistakes too")
    page.wait_for_selector("text=INVALID_EMAIL_FORMAT")
    page.click("#failures a.id >> nth=0")
    page.wait_for_selector("text=Nothing is known of this request")
    assert seen.complaints == []
