"""`python -m deploy.faults.control_client PORT [JSON]`: sets the faults of the proxy whose control listens on this port
of 127.0.0.1, if faults are given, and prints its response. It is for places that only `docker exec` reaches."""

import http.client
import sys

_PATIENCE_S = 10.0


def main(arguments: list[str]) -> int:
    """Send the request, and return the exit code: 0 if the proxy accepted it."""
    connection = http.client.HTTPConnection("127.0.0.1", int(arguments[0]), timeout=_PATIENCE_S)
    try:
        body = arguments[1].encode() if len(arguments) > 1 else None
        connection.request("PUT" if body else "GET", "/faults", body)
        response = connection.getresponse()
        sys.stdout.write(response.read().decode())
        return 0 if response.status == 200 else 1
    except OSError as error:
        sys.stdout.write(f"no response: {error}\n")
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
