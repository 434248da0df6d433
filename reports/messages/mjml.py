"""MJML: checks a template before an email is made from it.

The library that renders MJML ignores wrong attributes and stray text, and reports no mistakes.
"""

from __future__ import annotations

from html.parser import HTMLParser

from signalroom.errors import ReportError

BOXES = {
    "mjml": {"mj-head", "mj-body"},
    "mj-head": {"mj-title", "mj-preview", "mj-attributes", "mj-style"},
    "mj-attributes": {"mj-all", "mj-text", "mj-table", "mj-section", "mj-divider"},
    "mj-body": {"mj-section"},
    "mj-section": {"mj-column"},
    "mj-column": {"mj-text", "mj-table", "mj-divider", "mj-spacer", "mj-image", "mj-button"},
}
TEXTS = {"mj-title", "mj-preview", "mj-style", "mj-text", "mj-table", "mj-button"}
COMMON = {"css-class", "padding", "padding-top", "padding-bottom", "background-color"}
FONT = {"color", "font-family", "font-size", "font-weight", "line-height", "letter-spacing"}
ATTRIBUTES = {
    "mjml": {"lang", "dir"},
    "mj-all": FONT,
    "mj-text": {*COMMON, *FONT, "align"},
    "mj-table": {*COMMON, *FONT},
    "mj-section": {*COMMON, "border-radius"},
    "mj-divider": {*COMMON, "border-color", "border-width"},
    "mj-spacer": {"height"},
    "mj-image": {*COMMON, "src", "alt", "width", "border-radius", "href"},
    "mj-button": {*COMMON, *FONT, "href", "align", "border-radius", "inner-padding"},
    "mj-body": {"background-color", "width", "css-class"},
    "mj-column": COMMON,
}


def check(source: str, template: str) -> None:
    """ReportError with template and line for a misplaced tag, attribute or text."""
    _Check(template).feed(source)


class _Check(HTMLParser):
    def __init__(self, template: str) -> None:
        super().__init__(convert_charrefs=True)
        self._template = template
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._begin(tag, attrs)
        if tag in BOXES or tag in TEXTS:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._begin(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if (tag in BOXES or tag in TEXTS) and (not self._open or self._open.pop() != tag):
            self._refuse(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._open and self._open[-1] in TEXTS):
            self._refuse(f"text outside a tag that shows it: {data.strip()[:40]!r}")

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = self._open[-1] if self._open else None
        if inside in TEXTS:
            if tag.startswith("mj"):
                self._refuse(f"<{tag}> inside <{inside}>")
            return
        allowed = BOXES.get(inside, set()) if inside else {"mjml"}
        if tag not in allowed:
            self._refuse(f"<{tag}> inside {f'<{inside}>' if inside else 'nothing'}")
        for name, _ in attrs:
            if name not in ATTRIBUTES.get(tag, set()):
                self._refuse(f"<{tag}> has no attribute {name!r}")

    def _refuse(self, what: str) -> None:
        raise ReportError(f"{self._template} is not MJML, line {self.getpos()[0]}: {what}.")
