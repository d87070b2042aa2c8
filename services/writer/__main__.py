"""`python -m services.writer`: read the settings, run."""

import uvloop

from services.writer.app import Writer
from services.writer.settings import WriterSettings
from shared import logs


def main() -> None:
    """Exit code 0 after SIGTERM."""
    settings = WriterSettings()
    logs.configure("writer", settings.log_level, settings.log_style)
    writer = Writer(settings)
    uvloop.run(writer.run())


if __name__ == "__main__":
    main()
