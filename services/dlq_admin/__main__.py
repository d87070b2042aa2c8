"""`python -m holdfast.services.dlq_admin [serve | ledger | verify-audit | partitions N | COMMAND ...]`; `--help`
lists the rest."""

import sys

from holdfast.shared.runtime.left_out import leave_out


def main() -> int:
    """Run the command and return its exit code. A command over HTTP imports no module of the service itself."""
    leave_out()
    arguments = sys.argv[1:]
    if arguments in ([], ["serve"]):
        from holdfast.services.dlq_admin.process import serve

        return serve()
    if arguments == ["ledger"]:
        from holdfast.services.dlq_admin.process import ledger

        return ledger()
    if arguments == ["verify-audit"]:
        from holdfast.services.dlq_admin.process import verify_audit

        return verify_audit()
    if arguments[:1] == ["partitions"] and len(arguments) == 2:
        from holdfast.services.dlq_admin.process import partitions

        return partitions(arguments[1])
    from holdfast.services.dlq_admin.cli.main import main as command

    return command(arguments)


if __name__ == "__main__":
    sys.exit(main())
