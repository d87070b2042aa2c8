"""Start: reads a service's settings, configures its logs accordingly, and lets a hang-up end it as SIGTERM does."""

import signal
from collections.abc import Iterable
from typing import TypeVar

from holdfast.shared.runtime.read_settings import Wrong, read
from holdfast.shared.runtime.settings import Settings
from holdfast.shared.telemetry import logs

S = TypeVar("S", bound=Settings)


def start(service: str, model: type[S]) -> S:
    """Return the settings. Raises SystemExit if settings are wrong, after each wrong setting was logged in a line of
    its own. From then on a closed terminal (SIGHUP) ends the service as SIGTERM does, with its work finished."""

    def refused(wrong: Iterable[Wrong]) -> None:
        logs.configure(service, "INFO", "auto")
        for each in wrong:
            logs.error(logs.Action.SETTING_REFUSED, **each._asdict())

    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under `nohup` it is
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    settings = read(model, refused)
    logs.configure(service, settings.log_level, settings.log_style)
    return settings
