"""`python -m deploy.faults --to 127.0.0.1:3306 --listen 127.0.0.1:3316 --control 3317`: one proxy, until
SIGTERM or Ctrl-C."""

import argparse
import asyncio
import contextlib
import signal
import sys

from deploy.faults.control import control
from deploy.faults.proxy import Proxy


def main() -> None:
    """Print where the proxy listens, and serve."""
    parser = argparse.ArgumentParser(prog="python -m deploy.faults", description=__doc__)
    parser.add_argument("--to", required=True, type=_address, metavar="HOST:PORT", help="the server behind the proxy")
    parser.add_argument("--listen", default=("127.0.0.1", 0), type=_address, metavar="HOST:PORT")
    parser.add_argument(
        "--control", default=0, type=int, metavar="PORT", help="port of GET and PUT /faults, on 127.0.0.1"
    )
    parser.add_argument("--mark", default=0, type=int, help="firewall mark of the proxy's own connections (needs root)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.to, options.listen, options.control, options.mark))


async def _serve(target: tuple[str, int], listen: tuple[str, int], control_port: int, mark: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Proxy(*target, *listen, mark=mark) as proxy:
        server = await control(proxy, control_port)
        where = server.sockets[0].getsockname()[1]
        sys.stdout.write(f"{listen[0]}:{proxy.port} -> {target[0]}:{target[1]}, faults: 127.0.0.1:{where}/faults\n")
        sys.stdout.flush()
        await ended.wait()
        server.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


if __name__ == "__main__":
    main()
