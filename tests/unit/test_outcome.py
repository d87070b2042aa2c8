"""The outcome of a request, derived from its answer."""

import pytest

from holdfast.shared.http.outcome import RequestOutcome, outcome_of


@pytest.mark.parametrize(
    ("status", "degraded", "outcome"),
    [
        (200, False, "good"), (202, False, "good"), (304, False, "good"), (404, False, "good"), (422, False, "good"),
        (200, True, "degraded"), (201, True, "degraded"), (429, False, "rejected"), (503, True, "rejected"),
        (500, False, "failed"), (504, True, "failed"), (502, False, "failed"), (0, False, "abandoned"),
    ],
)  # fmt: skip
def test_each_answer_is_one_thing(status: int, degraded: bool, outcome: str) -> None:
    """Each answer has one outcome: a refusal is rejected and not degraded, and a failure is failed, even with a
    fallback."""
    assert outcome_of(status, degraded=degraded) is RequestOutcome(outcome)
