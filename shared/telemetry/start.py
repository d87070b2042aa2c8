"""Start: reads a service's settings, and configures its logs accordingly."""

from collections.abc import Iterable
from typing import TypeVar

from holdfast.shared.runtime.read_settings import Wrong, read
from holdfast.shared.runtime.settings import Settings
from holdfast.shared.telemetry import logs

S = TypeVar("S", bound=Settings)


def start(service: str, model: type[S]) -> S:
    """Return the settings. Raises SystemExit if settings are wrong, after each wrong setting was logged in a line of
    its own."""

    def refused(wrong: Iterable[Wrong]) -> None:
        logs.configure(service, "INFO", "auto")
        for each in wrong:
            logs.error(logs.Action.SETTING_REFUSED, **each._asdict())

    settings = read(model, refused)
    logs.configure(service, settings.log_level, settings.log_style)
    return settings
