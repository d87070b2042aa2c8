"""Assets: scripts and styles, under names with the hash of their content, so that browsers may cache them. During an
upgrade a page may come from one build and its assets from another."""

import hashlib
from pathlib import Path

from starlette.responses import Response

from holdfast.shared.errors import NoSuchPath

_FOLDER = Path(__file__).parents[1] / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class Assets:
    """All assets, in memory."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}
        self._hashes = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in self._files.items()}

    def url(self, name: str) -> str:
        """Return the address of an asset."""
        return f"/console/static/{self._hashes[name]}/{name}"

    def answer(self, digest: str, name: str) -> Response:
        """Return an asset as this build has it. Raises NoSuchPath."""
        if name not in self._files:
            raise NoSuchPath()
        cached = _FOR_EVER if self._hashes[name] == digest else "no-store"
        media_type = _TYPES[Path(name).suffix]
        return Response(self._files[name], headers={"Cache-Control": cached, "Content-Type": media_type})
