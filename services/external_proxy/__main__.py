"""The command `python -m holdfast.services.external_proxy`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Run the external proxy until SIGTERM."""
    leave_out()
    from holdfast.services.external_proxy.process import run  # after `leave_out`, because this imports the libraries

    run()


if __name__ == "__main__":
    main()
