"""Main: turns the command line into an exit code: 0 done, 1 refused, 2 usage error, not reachable, or output
not written."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from holdfast.services.dlq_admin.cli import parser
from holdfast.services.dlq_admin.cli.client import Client, NotReachable, Refused
from holdfast.services.dlq_admin.cli.output import Output, refusal
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.cli.table import plain

DONE, REFUSED, NOT_DONE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. argparse itself exits with 2 on arguments that it does not accept."""
    options = parser.make().parse_args(arguments)
    try:
        output: Output = options.run(Client(options.url, _key(options), options.timeout), options)
    except Refused as refused:
        return _failed(REFUSED, *refusal(refused))
    except NotReachable as error:
        return _failed(NOT_DONE, *map(plain, str(error).splitlines()))
    except (Usage, ValueError, OSError) as error:
        return _failed(NOT_DONE, plain(error))
    except KeyboardInterrupt:
        return _failed(NOT_DONE, "Interrupted; what was started continues on the server.")
    code = output.code
    try:
        _print(output, as_json=options.json)
        sys.stdout.flush()
    except (OSError, UnicodeEncodeError) as error:
        if not isinstance(error, BrokenPipeError):  # otherwise the reader, such as `head`, has read enough
            code = _failed(NOT_DONE, f"The command succeeded, but its output could not be written: {plain(error)}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _print(output: Output, *, as_json: bool) -> None:
    banner = output.answer.banner if output.answer else None
    if banner:
        print(plain(banner), file=sys.stderr)
    if not as_json:
        print("\n".join(map(plain, output.lines)), end="\n" if output.lines else "")
    elif output.answer is not None:
        document = {"data": output.answer.data, "meta": output.answer.meta} | ({"banner": banner} if banner else {})
        print(json.dumps(document))


def _key(options: argparse.Namespace) -> str:
    """Return the API key. Raises Usage, OSError."""
    key = Path(options.key_file).read_text() if options.key_file else os.environ.get("HOLDFAST_DLQ_KEY", "")
    key = key.strip()
    if not key:
        raise Usage("A key is required: HOLDFAST_DLQ_KEY, or --key-file.")
    if not key.isascii() or not key.isprintable():
        raise Usage("This is not a key.")
    return key


def _failed(code: int, *lines: str) -> int:
    print("\n".join(lines), file=sys.stderr)
    return code
