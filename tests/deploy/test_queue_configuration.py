"""deploy/redis/queue.conf, as Redis reads it: an answered write is on disk, and nothing is evicted."""

from pathlib import Path

from tests.servers import RedisServer

_CONF = Path(__file__).parent.parent.parent / "deploy/redis/queue.conf"
_WANTED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}


class Configured(RedisServer):
    """A Redis with the shipped configuration alone, without the options that other tests use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._command = [
            "redis-server",
            str(_CONF),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
        ]


def test_what_is_answered_is_on_disk(tmp_path: Path) -> None:
    """Redis syncs every write to disk before it answers. `kill -9` does not show this, because the kernel keeps what a
    dead process has written."""
    server = Configured(tmp_path)
    server.start()
    try:
        with server.client() as client:
            assert {name: client.config_get(name)[name] for name in _WANTED} == _WANTED
    finally:
        server.kill()
