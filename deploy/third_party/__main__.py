"""`python -m deploy.third_party`, from the repo's root."""

import argparse

import uvicorn

from deploy.third_party.app import make_app


def main() -> None:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser(description="A stand-in for somebody else's API")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    told = parser.parse_args()
    uvicorn.run(make_app(), host=told.host, port=told.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
