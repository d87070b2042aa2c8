"""`python -m holdfast.services.api`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Until SIGTERM."""
    leave_out()
    from holdfast.services.api.process import run  # not before: it imports the libraries

    run()


if __name__ == "__main__":
    main()
