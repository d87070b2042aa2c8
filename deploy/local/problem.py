"""What keeps a command from working, worded so that a newcomer can act on it."""


class Problem(Exception):
    """One sentence about what is wrong, and one line for each thing to do about it."""

    def __init__(self, what: str, *fixes: str) -> None:
        super().__init__(what)
        self.fixes = fixes

    def __str__(self) -> str:
        return "\n".join([f"{self.args[0]}", *(f"  -> {fix}" for fix in self.fixes)])


DOCKER = "or run it with Docker instead, which needs none of this: docker compose up --build"
