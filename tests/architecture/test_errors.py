"""The catalogue of errors."""

from holdfast.shared.errors import catalogue
from holdfast.shared.http.envelope import status_of


def test_every_error_has_its_own_code_and_an_explanation() -> None:
    """Error codes are unique, and every error has a sentence of explanation and a status."""
    errors = [error for error in catalogue() if error.__name__ != "Unexpected"]
    codes = [error.code for error in errors]
    assert len(codes) == len(set(codes))
    for error in errors:
        assert error.__doc__
        assert error.__doc__.rstrip().endswith(".")
        assert 400 <= status_of(error) < 600


def test_only_what_may_have_happened_is_indefinite() -> None:
    """Only these errors are indefinite: the request may have taken effect, and a retry with the same key has to settle
    it."""
    assert {error.__name__ for error in catalogue() if not error.definite} == {
        "AcceptanceUnknown",
        "AnswerLost",
        "AnswerOverdue",
        "ConfigUnavailable",
        "FleetUnreachable",
        "OutcomeUnknown",
        "RequestInProgress",
        "ResumptionUnknown",
        "Unexpected",
        "UpstreamOutcomeUnknown",
    }
