"""Guard: one call through a breaker, as a `with` block."""

from types import TracebackType

from holdfast.shared.resilience.breaker.gate import Gate


class Guard:
    """A call that has been let through with `token`; it ends where the block ends.

    Not `timed`: how long the block took is not judged, as it is not only the dependency's time.
    """

    __slots__ = ("_began", "_gate", "_timed", "_token")

    def __init__(self, gate: Gate, token: int, *, timed: bool = True) -> None:
        self._gate = gate
        self._token = token
        self._timed = timed
        self._began = gate.clock()

    def __enter__(self) -> None:
        """The call was let through before."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        began = self._began if self._timed else self._gate.clock()
        if error is None:
            self._gate.succeeded(self._token, began)
        else:
            self._gate.failed(self._token, began, error)
