"""The log: the reader of a service's output stops reading, like a log driver that hangs or a disk that is slow."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.faults.rig import Rig
from tests.integration.test_api_accepts import ADA, key

#: The smallest size of a pipe in Linux, one page.
_PIPE_BYTES = 4096
_PANICS = 20


@pytest.fixture
def unread(rig: Rig, tmp_path: Path) -> Iterator[processes.Service]:
    """An api whose output goes into a full pipe."""
    service = processes.api(tmp_path, rig.queue.address, rig.database.dsn, HOLDFAST_INSTANCE="api-unread")
    service.log = tmp_path / "output"
    os.mkfifo(service.log)
    pipe = os.open(service.log, os.O_RDWR)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    service.start()
    yield service
    service.kill()
    os.close(pipe)


def test_a_log_that_nobody_reads_holds_nobody_up(unread: processes.Service) -> None:
    """Requests that log more than the pipe takes are answered, as are all others, and the api stops when asked."""
    with unread.client() as client:
        for _ in range(_PANICS):  # each logs a traceback
            assert client.get("/panic").status_code == 500
        assert client.post("/users", json=ADA, headers=key()).status_code == 202
        assert client.get("/livez").status_code == 200
    unread.stop()
    assert not unread.running
