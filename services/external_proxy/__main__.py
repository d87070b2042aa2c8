"""`python -m holdfast.services.external_proxy`."""

from holdfast.shared.runtime.left_out import leave_out


def main() -> None:
    """Until SIGTERM."""
    leave_out()
    from holdfast.services.external_proxy.process import run  # not before: it imports the libraries

    run()


if __name__ == "__main__":
    main()
