"""`python -m deploy.third_party`, from the repo's root."""

import argparse
import asyncio
import signal

import uvloop

from deploy.third_party.connection import Wire
from deploy.third_party.party import ThirdParty


async def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    party = ThirdParty()
    server = await loop.create_server(lambda: Wire(party.handle), host, port, backlog=512)
    await ended.wait()
    server.close()


def main() -> None:
    """Run until stopped."""
    parser = argparse.ArgumentParser(description="A stand-in for a third party's API")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    options = parser.parse_args()
    uvloop.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
