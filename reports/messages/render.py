"""Rendering: a context and its templates become the message of each channel.

Every value that a template prints is escaped for its channel by the environment, whether or not
the author thought of it; an unknown name fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from mjml import mjml_to_html

from reports.messages import table as trend
from reports.messages import text as wording
from reports.messages.attachments import Inline
from reports.messages.slack_blocks import Blocks
from reports.messages.table import grid
from reports.model import refuse_foreign_parts
from reports.shared import figures
from reports.state_performance import orders
from reports.state_performance.map import state_name
from signalroom import clock
from signalroom.errors import ReportError

TEMPLATES = Path(__file__).parent / "templates"
EMAIL_LIMIT = 90_000  # Gmail cuts a message at 102 KB, headers and encoding included
SUBJECT_LIMIT = 160
Content = dict[str, Any]


def render(channel: str, stem: str, context: Any, client_id: str) -> Content:
    """The message of one channel.

    Slack: `text` and `blocks`; e-mail: `subject`, `html` and `text`; SMS: `body`; files as
    reports.messages.attachments has them. Raises
    ReportError for a template's mistake, or when a part of the context is another client's.
    """
    refuse_foreign_parts(context, client_id)
    try:
        return RENDERERS[channel](stem, context)
    except jinja2.TemplateError as error:
        raise ReportError(f"Template {stem} for {channel} failed: {error}") from error


def _slack(stem: str, context: Any) -> Content:
    blocks = Blocks()
    rest = _fill(f"{stem}.slack.j2", wording.mrkdwn, context, slack=blocks)
    if rest.strip():
        raise ReportError(f"Template {stem}.slack.j2 has text outside its blocks: {rest.strip()!r}")
    return blocks.payload()


def _email(stem: str, context: Any) -> Content:
    inline = Inline()
    source = _fill(f"{stem}.email.mjml.j2", None, context, inline=inline)
    if re.search(r"<\s*mj-include", source, re.IGNORECASE):
        raise ReportError(f"Template {stem}.email.mjml.j2 includes a file: that is not allowed.")
    result = mjml_to_html(source)
    if result.errors:
        raise ReportError(f"Template {stem}.email.mjml.j2 is no MJML: {result.errors[0]}")
    html = str(result.html)
    if len(html.encode()) > EMAIL_LIMIT:
        raise ReportError(f"The e-mail of {stem} has {len(html.encode())} bytes: too long to show.")
    text = re.sub(r"\n{3,}", "\n\n", _fill(f"{stem}.email.txt.j2", str, context)).strip() + "\n"
    subject = _fill(f"{stem}.subject.j2", wording.clean, context)
    content = {"subject": wording.clean(subject, SUBJECT_LIMIT), "html": html, "text": text}
    return {**content, "attachments": list(inline.files.values())} if inline.files else content


def _sms(stem: str, context: Any) -> Content:
    return {"body": wording.fit_segment(_fill(f"{stem}.sms.j2", wording.clean, context))}


RENDERERS: dict[str, Callable[[str, Any], Content]] = {
    "slack": _slack,
    "email": _email,
    "sms": _sms,
}


def _fill(template: str, escape: Callable[[str], str] | None, context: Any, **more: Any) -> str:
    return str(_environment(escape).get_template(template).render(report=context, **more))


@cache
def _environment(escape: Callable[[str], str] | None) -> jinja2.Environment:
    """An environment whose values all go through `escape`; None is HTML's own."""

    def finalize(value: Any) -> Any:
        # Text that a macro or a call block put together has been through here piece by piece.
        if escape is None or isinstance(value, Markup):
            return value
        return Markup(escape(str(value)))  # noqa: S704 - escaped for a channel that is not HTML

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters.update(
        money=figures.money,
        count=figures.count,
        percent=orders.percent,
        state_name=state_name,
        grid=grid,
        cell=wording.pad_right,
        right=wording.pad_left,
        day_name=wording.day_name,
        short_day=wording.short_day,
        sparkline=trend.sparkline,
        extremes=trend.extremes,
    )
    environment.globals["zone"] = lambda: clock.zone().key
    return environment
