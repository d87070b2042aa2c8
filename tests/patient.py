"""Patient: a profile of Hypothesis without deadlines. How long an example takes shows how busy the machine is, and
nothing about the code."""

from hypothesis import HealthCheck, settings

PROFILE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: The health checks that a property may suppress if its examples share the fixtures of its test.
SHARED_FIXTURES = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
_NAME = "patient"


def unless_asked_otherwise() -> None:
    """Load the profile, unless another one was chosen. In CI, Hypothesis loads one of its own that is as patient."""
    settings.register_profile(_NAME, PROFILE)
    if settings.get_current_profile_name() == "default":
        settings.load_profile(_NAME)
