"""Markdown: renders the subset that runbooks use as HTML: headings, paragraphs, lists, tables, code, bold, links.
Everything else stays text. Pure."""

import re
from collections.abc import Callable, Iterator

from markupsafe import Markup, escape

_HEADING = re.compile(r"(#{1,4}) +(.+)")
_ITEM = re.compile(r"(?:[-*]|(\d+)\.) +(.*)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)")
_RULE = re.compile(r"[|:\s-]+")

#: Returns where the address of a link or in code leads from this page, or None if it stays text.
Resolve = Callable[[str], str | None]


def rendered(text: str, resolve: Resolve) -> Markup:
    """Render a text whose blocks are separated by blank lines, as in our files."""
    blocks = (block.splitlines() for block in re.split(r"\n\s*\n", text.strip()))
    return Markup("\n").join(part for block in blocks for part in _block(block, resolve))


def _block(lines: list[str], resolve: Resolve) -> Iterator[Markup]:
    if lines and (heading := _HEADING.fullmatch(lines[0])):
        level = len(heading[1])
        yield Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading[2], resolve))
        lines = lines[1:]
    if not lines:
        return
    if _ITEM.match(lines[0]):
        yield _list(lines, resolve)
    elif lines[0].startswith("|"):
        yield _table(lines, resolve)
    else:
        yield Markup("<p>{}</p>").format(_inline(" ".join(map(str.strip, lines)), resolve))


def _list(lines: list[str], resolve: Resolve) -> Markup:
    """Render a list. A line that begins no item continues the item before."""
    ordered = lines[0][0].isdigit()
    items: list[str] = []
    for line in lines:
        item = _ITEM.match(line)
        if item:
            items.append(item[2])
        else:
            items[-1] += f" {line.strip()}"
    made = Markup("").join(Markup("<li>{}</li>").format(_inline(item, resolve)) for item in items)
    return (Markup("<ol>{}</ol>") if ordered else Markup("<ul>{}</ul>")).format(made)


def _table(lines: list[str], resolve: Resolve) -> Markup:
    rows = [line.strip().strip("|").split("|") for line in lines if not _RULE.fullmatch(line)]

    def row(cells: list[str], cell: Markup) -> Markup:
        made = (cell.format(_inline(each.strip(), resolve)) for each in cells)
        return Markup("<tr>{}</tr>").format(Markup("").join(made))

    head = Markup("").join(row(cells, Markup("<th>{}</th>")) for cells in rows[:1])
    body = Markup("").join(row(cells, Markup("<td>{}</td>")) for cells in rows[1:])
    return Markup('<table class="list"><thead>{}</thead><tbody>{}</tbody></table>').format(head, body)


def _inline(text: str, resolve: Resolve) -> Markup:
    parts: list[Markup] = []
    at = 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[at : match.start()]))
        code, bold, title, address = match.groups()
        if code:
            shown = Markup("<code>{}</code>").format(code)
            href = resolve(code) if code.startswith("/") else None
            parts.append(Markup('<a href="{}">{}</a>').format(href, shown) if href else shown)
        elif bold:
            parts.append(Markup("<strong>{}</strong>").format(bold))
        elif (href := resolve(address)) is None:
            parts.append(escape(title))
        else:
            parts.append(Markup('<a href="{}">{}</a>').format(href, title))
        at = match.end()
    return Markup("").join([*parts, escape(text[at:])])
