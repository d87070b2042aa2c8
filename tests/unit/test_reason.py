"""A reason that an operator gives is readable for others, wherever it is required."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from holdfast.services.api.override_body import OverrideBody
from holdfast.services.dlq_admin.rest.decisions import AllowInput
from holdfast.services.external_proxy.bodies import ConfigReverted
from holdfast.services.external_proxy.config import Config
from holdfast.shared.runtime.problems import constraint_of

_BODIES: list[tuple[type[BaseModel], dict[str, object]]] = [
    (OverrideBody, {"action": "force_open"}),
    (ConfigReverted, {}),
    (AllowInput, {"actor": "ada", "letters": 5}),
]

_unseen = st.text("\u200b\u200d\u2060\ufeff\u3164\u2800 \t", min_size=3, max_size=20)
_turned = st.text("ab", min_size=3, max_size=9).map(lambda text: f"{text}\u202e{text}")


@pytest.mark.parametrize(("body", "rest"), _BODIES)
@given(reason=_unseen | _turned)
def test_what_cannot_be_read_is_no_reason(body: type[BaseModel], rest: dict[str, object], reason: str) -> None:
    """A reason of invisible characters, or with a character that turns the text around it, is refused."""
    with pytest.raises(ValidationError) as refused:
        body.model_validate(rest | {"reason": reason})
    problems = refused.value.errors()
    assert {problem["loc"] for problem in problems} == {("reason",)}
    assert not any(constraint_of(problem).startswith(("Value", "Assertion")) for problem in problems)


@pytest.mark.parametrize(("body", "rest"), _BODIES)
@given(reason=st.text("aé漢 ", min_size=1, max_size=20).filter(lambda text: len(text.strip()) > 2))
def test_any_other_is_kept_trimmed(body: type[BaseModel], rest: dict[str, object], reason: str) -> None:
    """Any other reason is accepted, in every script, and is stored without the spaces around it."""
    assert body.model_validate(rest | {"reason": reason}).model_dump()["reason"] == reason.strip()


@pytest.mark.parametrize(("body", "rest"), _BODIES[1:])
def test_a_joiner_within_text_belongs_to_it(body: type[BaseModel], rest: dict[str, object]) -> None:
    """A joiner within a reason is kept, because emoji and some scripts need it. An override is left out here, because
    its reason is one line of printable characters."""
    reason = "moved by \U0001f468\u200d\U0001f527"
    assert body.model_validate(rest | {"reason": reason}).model_dump()["reason"] == reason


def test_a_pause_is_no_longer_than_the_longest() -> None:
    """A configuration whose first pause between attempts is longer than its longest pause is refused."""
    with pytest.raises(ValidationError) as refused:
        Config(backoff_base_s=5, backoff_cap_s=1)
    assert constraint_of(refused.value.errors()[0]) == "backoff_base_s may not be longer than backoff_cap_s"
