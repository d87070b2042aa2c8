"""The command `python -m holdfast.services.writer`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Run a writer until SIGTERM."""
    leave_out()
    from holdfast.services.writer.process import run  # after `leave_out`, because this imports the libraries

    run()


if __name__ == "__main__":
    main()
