"""Hooks of mkdocs: pages from outside docs/, folders in the navigation, and diagrams without a network.

mkdocs calls the functions named `on_...`. Only the docs' own environment (requirements/docs.txt) has what is imported.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mermaidx
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

#: Documents elsewhere in the repository -> their places on the site.
FROM_OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "deploy/kubernetes/README.md": "operations/kubernetes.md",
}
#: mermaidx, a renderer, contains the script of the npm package `mermaid`, unchanged. Nothing else of it is used.
MERMAID = "assets/javascripts/mermaid.min.js"

_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[)#])")


def on_config(config: MkDocsConfig) -> None:
    """Expand folders in the navigation to their pages."""
    assert config.nav is not None  # noqa: S101 - mkdocs.yml has one
    config.nav = list(_expanded(config.nav, Path(config.docs_dir)))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents from outside, and Mermaid's script."""
    root = Path(config.config_file_path).parent
    for source, place in FROM_OUTSIDE.items():
        text = with_links_from(place, source, (root / source).read_text())
        files.append(File.generated(config, place, content=text))
    script = Path(mermaidx.__file__).parent / "assets" / "mermaid.js"
    files.append(File.generated(config, MERMAID, content=script.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to the documents from outside at their places on the site."""
    if page.file.generated_by:
        return markdown
    return with_links_from(page.file.src_uri, f"docs/{page.file.src_uri}", markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load Mermaid on pages with a diagram, before the theme would fetch it from elsewhere."""
    if 'class="mermaid"' not in output:
        return output
    script = os.path.relpath(MERMAID, os.path.dirname(page.file.dest_uri) or ".")
    return output.replace("</head>", f'<script src="{script}"></script></head>', 1)


def with_links_from(place: str, source: str, text: str) -> str:
    """Return `text` of the repository's file `source` with links that work on the site's page `place`."""

    def moved(match: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), match[1]))
        on_site = FROM_OUTSIDE.get(target) or target.removeprefix("docs/")
        return os.path.relpath(on_site, os.path.dirname(place) or ".")

    return _LINK.sub(moved, text)


def _expanded(entries: list[Any], docs: Path) -> Iterator[Any]:
    for entry in entries:
        if isinstance(entry, dict):
            yield {title: list(_expanded(below, docs)) for title, below in entry.items()}
        elif entry.endswith("/"):
            pages = sorted(docs.joinpath(entry).glob("*.md"), key=lambda page: (page.name != "README.md", page))
            yield from (str(page.relative_to(docs)) for page in pages)
        else:
            yield entry
