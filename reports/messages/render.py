"""Rendering: a context and its templates become the message of each channel.

Every value that a template prints is automatically escaped for its channel by the environment; an
unknown name fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from mjml import mjml_to_html

from reports.messages import mjml, parity, table
from reports.messages.attachments import Inline
from reports.messages.slack_blocks import Blocks
from reports.model import FOLDER, Content, refuse_foreign_parts
from reports.shared import figures, text
from signalroom import templates
from signalroom.errors import ReportError

SHARED = Path(__file__).parent / "templates"
EMAIL_LIMIT = 90_000  # Gmail clips a message at 102 KB, headers and encoding included
SUBJECT_LIMIT = 160
SIMULATED = "SIMULATED: figures of a made-up agency"
# How the values of each template are escaped; None: as HTML.
ESCAPES: dict[str, Callable[[str], str] | None] = {
    "slack.j2": text.mrkdwn,
    "email.mjml.j2": None,
    "email.txt.j2": str,
    "subject.j2": text.clean,
    "sms.j2": text.clean,
}


def render(
    channel: str, folder: str, context: Any, client_id: str, is_simulated: bool = False
) -> Content:
    """The message of one channel; simulated figures are marked as such.

    Slack: `text` and `blocks`; email: `subject`, `html` and `text`; SMS: `body`; files as
    reports.messages.attachments has them. Raises
    ReportError for a template's mistake, or if a part of the context is another client's.
    """
    refuse_foreign_parts(context, client_id)
    try:
        return RENDERERS[channel](folder, context, is_simulated)
    except jinja2.TemplateError as error:
        raise ReportError(f"Template {folder} for {channel} failed: {error}") from error


def _slack(folder: str, context: Any, is_simulated: bool) -> Content:
    blocks = Blocks()
    if is_simulated:
        blocks.context(lambda: f"*{SIMULATED}*")
    rest = _fill(folder, "slack.j2", context, slack=blocks)
    if rest.strip():
        found = rest.strip()
        raise ReportError(f"{folder}/templates/slack.j2 has text outside its blocks: {found!r}")
    return blocks.payload()


def _email(folder: str, context: Any, is_simulated: bool) -> Content:
    inline = Inline()
    shown_as = SIMULATED if is_simulated else ""
    source = _fill(folder, "email.mjml.j2", context, inline=inline, simulated=shown_as)
    if re.search(r"<\s*mj-include", source, re.IGNORECASE):
        raise ReportError(f"{folder}/templates/email.mjml.j2 includes a file: that is not allowed.")
    mjml.check(source, f"{folder}/templates/email.mjml.j2")
    html = str(mjml_to_html(source).html)
    size = len(html.encode())
    if size > EMAIL_LIMIT:
        raise ReportError(f"The email of {folder} has {size} bytes: too long to show.")
    plain = f"{shown_as}\n\n{_fill(folder, 'email.txt.j2', context)}"
    plain = re.sub(r"\n{3,}", "\n\n", plain).strip() + "\n"
    shown = getattr(context, "figures", ())
    parity.refuse_other_amounts(html, plain, shown, f"{folder}/templates/email.mjml.j2")
    subject = _fill(folder, "subject.j2", context)
    content = {"subject": text.clean(subject, SUBJECT_LIMIT), "html": html, "text": plain}
    return {**content, "attachments": list(inline.files.values())} if inline.files else content


def _sms(folder: str, context: Any, is_simulated: bool) -> Content:
    lines = _fill(folder, "sms.j2", context)
    return {"body": text.fit_segment(f"{lines}\n(simulated)" if is_simulated else lines)}


RENDERERS: dict[str, Callable[[str, Any, bool], Content]] = {
    "slack": _slack,
    "email": _email,
    "sms": _sms,
}


def _fill(folder: str, name: str, context: Any, **more: Any) -> str:
    template = _environment(ESCAPES[name]).get_template(f"{folder}/templates/{name}")
    return str(template.render(report=context, **more))


def compile_templates(folder: str) -> None:
    """Compile a report's templates, and the shared ones that they import, before they are used."""
    for name, escape in ESCAPES.items():
        for path in (f"{folder}/templates/{name}", f"_{name}"):
            with suppress(jinja2.TemplateNotFound):
                _environment(escape).get_template(path)


@cache
def _environment(escape: Callable[[str], str] | None) -> jinja2.Environment:
    """An environment whose values all go through `escape`; None means HTML escaping."""

    def finalize(value: Any) -> Any:
        # Text from a macro or a call block was already escaped piece by piece.
        if escape is None or isinstance(value, Markup):
            return value
        return Markup(escape(str(value)))  # noqa: S704 - escaped for a channel that is not HTML

    environment = templates.environment(FOLDER, SHARED, finalize=finalize)
    environment.filters.update(
        money=figures.money,
        cost_each=figures.cost_each,
        count=figures.count,
        percent=figures.percent,
        cell=text.pad_right,
        right=text.pad_left,
        day_name=text.day_name,
        short_day=text.short_day,
        sparkline=table.sparkline,
        extremes=table.extremes,
        short=table.short_text,
    )
    environment.globals.update(
        zone=text.zone_name, page_link=text.page_link, slack_link=text.slack_link
    )
    return environment
