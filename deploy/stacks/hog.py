"""`python -m deploy.stacks.hog memory BYTES SECONDS` or `... burn SECONDS`: takes all the memory or CPU that it can
get, for a limited time. It first waits for a line on its standard input, so that it can be put into its control group.
"""

import sys
import time

_CHUNK_BYTES = 1024 * 1024
_PAUSE_S = 0.005


def main(arguments: list[str]) -> None:
    """Take memory or CPU until the time is over, or the kernel ends this process."""
    sys.stdin.readline()
    if arguments[0] == "burn":
        end = time.monotonic() + float(arguments[1])
        while time.monotonic() < end:
            pass
        return
    most, end = int(arguments[1]), time.monotonic() + float(arguments[2])
    held: list[bytes] = []
    while time.monotonic() < end:
        if len(held) * _CHUNK_BYTES < most:
            held.append(b"x" * _CHUNK_BYTES)
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1:])
