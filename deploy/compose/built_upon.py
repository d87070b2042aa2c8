"""Built upon: checks that the recipe of docs/your-own-resource.md makes images that serve a user's own resource."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks.engine import docker

_PAGE = REPO / "docs" / "your-own-resource.md"
_DECLARATION = re.compile(r"^cat > \S+/(\w+\.py) <<'PYTHON'\n(.*?)^PYTHON$", re.MULTILINE | re.DOTALL)
_RECIPE = re.compile(r"^```dockerfile\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SERVICES = ("api", "writer", "dlq_admin", "migrate")
_DESCRIBE = ("python", "-m", "holdfast.shared.domain")


def built_upon() -> str:
    """Images built FROM ours know the resource that is declared in them."""
    page = _PAGE.read_text()
    declaration, recipe = _DECLARATION.search(page), _RECIPE.search(page)
    if not declaration or not recipe:
        raise Problem(f"{_PAGE.relative_to(REPO)} has no declaration and recipe")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / declaration[1]).write_text(declaration[2])
        (folder / "Dockerfile").write_text(recipe[1])
        for service in _SERVICES:
            _check(service, folder)
    return ", ".join(_SERVICES)


def _check(service: str, folder: Path) -> None:
    tag = f"holdfast-built-upon-{service}"
    docker("build", "--quiet", "--build-arg", f"SERVICE={service}", "--tag", tag, str(folder))
    try:
        described = docker("run", "--rm", "--network", "none", tag, *_DESCRIBE)
    finally:
        docker("image", "rm", tag)
    if "/books/{book_id}" not in described:
        raise Problem(f"the image built upon {service} describes: {described[:200]}")
