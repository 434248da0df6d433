"""The page: a folder with index.html and its files; it needs no network and no server.

Names of vendors and clients are escaped by the template. Its content security policy allows only
the page's own script and style; emails are in frames that cannot run scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reports.messages.attachments import CSV_TYPE, with_data_uris
from reports.preview import limits
from reports.preview.failure import Failure
from reports.preview.gallery import Cell
from reports.preview.mrkdwn import mrkdwn_html, plain
from reports.preview.native import chart_svg
from signalroom import templates
from signalroom.errors import ReportError
from signalroom.logs import mask

TEMPLATES = Path(__file__).parent / "templates"
TITLES = {"slack": "Slack", "email": "Email", "sms": "SMS"}
SCHEMES = ("light", "dark")
MAIL_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">"
)


@dataclass(frozen=True)
class Shown:
    """A cell for the template."""

    cell: Cell

    @property
    def id(self) -> str:
        """Its anchor on the page and the stem of its files."""
        return f"{self.cell.report.name}.{self.cell.scenario.name}"

    @cached_property
    def measures(self) -> dict[str, list[limits.Measure]]:
        """Sizes by channel."""
        found = self.cell.messages.items()
        return {channel: limits.measures(channel, content) for channel, content in found}

    @property
    def is_bad(self) -> bool:
        """Whether something failed or exceeds a limit."""
        return bool(self.cell.failures) or any(
            one.is_over for found in self.measures.values() for one in found
        )

    @property
    def slack_blocks(self) -> list[Mapping[str, Any]]:
        """The blocks as posted if Slack accepts the newest kinds."""
        extras = self._extras
        instead = {one["at"]: [_image(one)] for one in extras.get("pictures", [])}
        instead |= {one["at"]: one["blocks"] for one in extras.get("native", [])}
        blocks = self.cell.messages["slack"]["blocks"]
        return [one for at, block in enumerate(blocks) for one in instead.get(at, [block])]

    @property
    def slack_fallbacks(self) -> list[Mapping[str, Any]]:
        """The blocks that replace the newest kinds, pictures and tables, in that order."""
        blocks, extras = self.cell.messages["slack"]["blocks"], self._extras
        pictures = {one["at"]: one for one in extras.get("pictures", [])}
        texts = {one["at"]: one["blocks"] for one in extras.get("tables", [])}
        native = {one["at"] for one in extras.get("native", [])}
        found: list[Mapping[str, Any]] = []
        for at in sorted({*pictures, *texts, *native}):
            if at in native and at in pictures:
                found.append(_image(pictures[at]))
            found += [blocks[at]] if at in native or at in pictures else []
            found += texts.get(at, [])
        return found

    @property
    def _extras(self) -> Mapping[str, Any]:
        extras: Mapping[str, Any] = self.cell.messages["slack"].get("extras", {})
        return extras

    @property
    def files(self) -> list[tuple[str, int]]:
        """Names and sizes of attachments, which Slack shows in the thread."""
        content = self.cell.messages.get("email", {})
        return [
            (one["filename"], len(base64.b64decode(one["content"])))
            for one in content.get("attachments", [])
            if one["content_type"] == CSV_TYPE
        ]


def _image(picture: Mapping[str, Any]) -> Mapping[str, Any]:
    """A picture as a block of the gallery."""
    return {"type": "image", "alt_text": picture["alt_text"], "data": picture["content"]}


def write_page(cells: Sequence[Cell], folder: Path, live: str = "") -> Path:
    """Write the gallery into a folder; with a version in `live` it polls its server for updates.

    The previous version's files are kept in `files-before`, and shown next to changed ones.
    """
    shown = [Shown(cell) for cell in cells]
    files, before = folder / "files", folder / "files-before"
    try:
        changed = set()
        if files.exists():
            shutil.rmtree(before, ignore_errors=True)
            files.rename(before)
        files.mkdir(parents=True, exist_ok=True)
        for one in shown:
            for name, text in _files(one).items():
                path = files / f"{one.id}.{name}"
                path.write_text(text, encoding="utf-8")
                if name == "email.light.html" and _differs(before / path.name, text):
                    changed.add(one.id)
        page = _page(
            "gallery.html.j2", live, shown=shown, sections=_sections(shown), changed=changed
        )
        index = folder / "index.html"
        index.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"The gallery cannot be written to {folder}: {error.strerror}."
        ) from error
    return index


def _differs(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") != text


def trouble_page(trouble: Failure, live: str) -> str:
    """A page that says why there is no gallery, until the next one."""
    return _page("trouble.html.j2", live, trouble=trouble)


def _sections(shown: Sequence[Shown]) -> dict[str, dict[str, Shown]]:
    """What is shown, by report and scenario."""
    found: dict[str, dict[str, Shown]] = {}
    for one in shown:
        found.setdefault(one.cell.report.name, {})[one.cell.scenario.name] = one
    return found


def _files(shown: Shown) -> dict[str, str]:
    """The email in either color scheme, and the payload for Slack."""
    files = {}
    messages = shown.cell.messages
    if "email" in messages:
        content = messages["email"]
        html = with_data_uris(content["html"], content.get("attachments", []))
        files = {f"email.{scheme}.html": _mail(html, scheme) for scheme in SCHEMES}
    if "slack" in messages:
        payload = {name: messages["slack"][name] for name in ("text", "blocks")}
        files["slack.json"] = json.dumps(payload, ensure_ascii=False, indent=2) + "\n"
    return files


def _mail(html: str, scheme: str) -> str:
    """An email as shown in light or dark mode, whatever the browser's setting."""
    dark = "all" if scheme == "dark" else "not all"
    chosen = re.sub(r"@media \(prefers-color-scheme: ?dark\)", f"@media {dark}", html)
    chosen = chosen.replace("color-scheme: light dark", f"color-scheme: {scheme}")
    # The policy comes first, so that nothing is fetched before it applies.
    return re.sub(r"<head>", lambda _: f"<head>{MAIL_POLICY}", chosen, count=1)


def _page(template: str, live: str, **values: Any) -> str:
    style = (TEMPLATES / "gallery.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "gallery.js").read_text(encoding="utf-8")
    environment = templates.environment(TEMPLATES)
    environment.filters.update(mrkdwn=mrkdwn_html, plain=plain, masked=mask, chart_svg=chart_svg)
    return environment.get_template(template).render(
        style=style,
        script=script,
        digests={"style": _digest(style), "script": _digest(script)},
        live=live,
        titles=TITLES,
        encoding=limits.encoding,
        **values,
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
