"""`python -m deploy.faults.tell PORT [JSON]`: what the proxy with its control on this port of 127.0.0.1 says, after it
was told these faults, if any. For places that only `docker exec` reaches."""

import http.client
import sys

_PATIENCE_S = 10.0


def main(arguments: list[str]) -> int:
    """Exit code 0: the proxy took it."""
    connection = http.client.HTTPConnection("127.0.0.1", int(arguments[0]), timeout=_PATIENCE_S)
    try:
        body = arguments[1].encode() if len(arguments) > 1 else None
        connection.request("PUT" if body else "GET", "/faults", body)
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode())
        return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
