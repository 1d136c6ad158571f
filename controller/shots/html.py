"""PURE: HTML from nested calls. Plain text is always escaped; only :class:`Html` passes as it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

VOID = frozenset({"meta"})
"""Elements of ours that have no end tag in HTML."""


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""A report's own style, and pictures that are part of it; nothing from anywhere."""


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is markup already."""

    text: str


Child = Html | str


def tag(name: str, *children: Child, **attributes: str | None) -> Html:
    """``<name ...>children</name>``; a trailing underscore of an attribute is dropped (``class_``), None left out."""
    inner = join(children).text
    opened = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{opened}>" if name in VOID else f"<{name}{opened}>{inner}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """One after the other, texts escaped."""
    return Html("".join(item.text if isinstance(item, Html) else escape(item, quote=True) for item in children))


def table(head: Iterable[str], rows: Iterable[Iterable[Child]], numeric: Iterable[int] = (), class_: str = "") -> Html:
    """A table; columns whose index is in ``numeric`` are aligned to the right."""
    right = frozenset(numeric)

    def cells(name: str, row: Iterable[Child]) -> Html:
        return join(tag(name, item, class_="n" if index in right else None) for index, item in enumerate(row))

    body = join(tag("tr", cells("td", row)) for row in rows)
    return tag("table", tag("thead", tag("tr", cells("th", head))), tag("tbody", body), class_=class_ or None)


def page(title: str, style: str, body: Html) -> str:
    """A whole document that asks for nothing from anywhere: the policy in its head forbids it."""
    head = join(
        (
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", title),
            Html(f"<style>{style}</style>"),
        )
    )
    return f'<!doctype html>\n<html lang="en"><head>{head.text}</head>\n<body>{body.text}</body></html>\n'
