"""Pieces of HTML: what comes from data goes in as text, and never as markup."""

from collections.abc import Iterable, Sequence
from html import escape


def definitions(said: Iterable[tuple[str, Sequence[str]]]) -> str:
    lines = (
        f'<dt dir="auto">{as_text(name)}</dt>'
        + "".join(f'<dd dir="auto">{as_text(value)}</dd>' for value in values)
        for name, values in said
    )
    return f"<dl>{''.join(lines)}</dl>"


def select(name: str, label: str, texts: Iterable[str]) -> str:
    """The value of an option is its place: texts may be equal."""
    options = "".join(
        f'<option value="{place}" dir="auto">{as_text(text[:80])}</option>'
        for place, text in enumerate(texts)
    )
    return f'<label>{label} <select id="{name}" autocomplete="off">{options}</select></label>'


def choices(selects: str) -> str:
    return f'<div class="choices">{selects}</div>\n'


def figure(name: str, label: str, caption: str) -> str:
    return (
        f'<figure><div class="plot" id="{name}" role="img" aria-label="{label}">'
        "<noscript>The figures need JavaScript.</noscript></div>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def one_line(text: str) -> str:
    return " ".join(text.split())


def as_text(text: str) -> str:
    return escape(text, quote=True)


def isolated(text: str) -> str:
    """Text whose direction does not turn what stands around it."""
    return f"<bdi>{as_text(text)}</bdi>"
