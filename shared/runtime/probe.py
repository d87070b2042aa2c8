"""`python -S -m holdfast.shared.runtime.probe PORT [PATH]`: checks that the service on this machine is ready.
For images, which have no HTTP client. It imports little, because it runs every few seconds."""

import socket
import sys

_TIMEOUT_S = 2.0


def ready(port: int, path: str = "/readyz") -> bool:
    """Return whether `path` answers 200. Raises OSError without an answer."""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).startswith(b"HTTP/1.1 200")


if __name__ == "__main__":
    try:
        fine = ready(int(sys.argv[1]), *sys.argv[2:3])
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        fine = False
    sys.exit(0 if fine else 1)
