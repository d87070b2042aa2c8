"""Patient: a profile of Hypothesis. How long an example takes says how busy the machine is, and nothing of the code."""

from hypothesis import HealthCheck, settings

PROFILE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: What a property may suppress whose examples share the fixtures of its test.
SHARED_FIXTURES = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
_NAME = "patient"


def unless_asked_otherwise() -> None:
    """Load it, where nothing else was asked for; in CI, Hypothesis loads one of its own that is as patient."""
    settings.register_profile(_NAME, PROFILE)
    if settings.get_current_profile_name() == "default":
        settings.load_profile(_NAME)
