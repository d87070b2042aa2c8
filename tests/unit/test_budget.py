"""Budgets: an inner time limit that exceeds the outer one stops the start, and the error names every such pair."""

import pytest
from pydantic import ValidationError

from holdfast.services.api.settings import ApiSettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.runtime.time_budgets import Budget, Part, check


def test_all_that_is_wrong_is_reported_at_once() -> None:
    """The error names each budget that is exceeded, with the sums, so that the reader sees by how much."""
    wrong = Budget("a", Part("outer", 1), (Part("inner", 0.4, 2), Part("more", 0.2)))
    right = Budget("b", Part("outer", 1), (Part("inner", 0.9),))
    with pytest.raises(ValueError, match=r"a: 2 x inner \(0.4 s\) \+ more \(0.2 s\) = 1 s is not below outer \(1 s\)"):
        check([wrong, right])
    check([right])


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (ApiSettings, {"api_timeout_s": 1}),
        (ApiSettings, {"db_lock_wait_s": 2}),
        (ApiSettings, {"api_read_timeout_s": 0.2}),
        (ApiSettings, {"redis_timeout_s": 3}),
        (WriterSettings, {"writer_block_ms": 2000}),
        (WriterSettings, {"writer_claim_idle_s": 5}),
        (WriterSettings, {"writer_patience_s": 20}),
    ],
)
def test_settings_the_wrong_way_round_stop_the_start(
    settings: type[ApiSettings] | type[WriterSettings], wrong: dict[str, float]
) -> None:
    """Time limits of any pair that are the wrong way round stop the start."""
    settings(db_dsn="mysql://a:b@c/d", profile="demo")
    with pytest.raises(ValidationError, match="wrong way round"):
        settings(db_dsn="mysql://a:b@c/d", profile="demo", **wrong)
