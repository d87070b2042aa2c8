"""`python -m holdfast.services.writer`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Until SIGTERM."""
    leave_out()
    from holdfast.services.writer.process import run  # not before: it imports the libraries

    run()


if __name__ == "__main__":
    main()
