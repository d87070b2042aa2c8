"""The command `python -m holdfast.services.api`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Run the api until SIGTERM."""
    leave_out()
    from holdfast.services.api.process import run  # after `leave_out`, because this imports the libraries

    run()


if __name__ == "__main__":
    main()
