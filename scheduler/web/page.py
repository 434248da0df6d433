"""The status page: the verdict, then figures, sources, runs, messages, alerts, failures.

Works without scripts, on a phone, and under a strict content security policy; a few lines of script
keep it up to date. Every value is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from sqlalchemy.exc import SQLAlchemyError

from reports.pages import files as client_pages
from reports.shared.figures import cost_each, money, rounded
from reports.shared.text import zone_name
from scheduler.runs.ledger import Ledger, Run, Step, log_tail
from scheduler.status.brands import recorded_brand_days
from scheduler.status.failures import failures
from scheduler.status.grid import source_grid
from scheduler.status.rule_rates import recorded_rates
from scheduler.status.status import duration, read_status
from scheduler.status.verdict import verdict
from scheduler.temporal import links
from scheduler.web.access import page_token
from scheduler.web.actions import PAUSES
from scheduler.web.messages import archive, message
from signalroom import clock, paths, templates
from signalroom.errors import SignalRoomError
from signalroom.logs import mask
from signalroom.plural import counted
from signalroom.times import clock_time, ran, span, when

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "page.css").read_text(encoding="utf-8")
SCRIPT = (TEMPLATES / "page.js").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_digest(STYLE)}'; "
        f"script-src 'sha256-{_digest(SCRIPT)}'; connect-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    # with no-referrer, browsers would send forms of the page with the origin null
    "Referrer-Policy": "same-origin",
}
# Client data is shown in a sandboxed frame.
MAIL_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
}
# Charts have their colors in style attributes; nothing else is allowed in such a page.
CLIENT_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}
RUNS_SHOWN = 25
ARCHIVE_DAYS = 14
CHANNELS = {"slack": "Slack", "email": "Email", "sms": "SMS"}


def overview(may_act: bool = False, said: str = "") -> str:
    """The page as HTML, which names what is unavailable."""
    status = read_status(1)
    unavailable = list(status.unreadable)

    def part(read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except (SignalRoomError, SQLAlchemyError) as error:
            if not unavailable:
                unavailable.append(mask(str(error)))
            return otherwise

    runs = [run for run in part(_runs, []) if run.status != "due"]
    today = clock.today()
    return _fill(
        "page.html.j2",
        status=status,
        verdict=verdict(status),
        unavailable=unavailable,
        brands=part(_brands, []),
        grid=part(source_grid, {}),
        runs=runs,
        today=[run for run in runs if clock.local_date(run.scheduled_for) == today],
        numbers=part(_numbers, {}),
        coming=sorted(
            (one for one in status.jobs if one.next_at), key=lambda one: (one.next_at, one.job.name)
        ),
        archive=part(lambda: archive(ARCHIVE_DAYS), []),
        causes=part(failures, []),
        rates=part(recorded_rates, []),
        channels=CHANNELS,
        may_act=may_act,
        has_token=bool(page_token()),
        pauses=PAUSES,
        paused=part(_paused, {}),
        tomorrow=today + timedelta(days=1),
        said=said,
    )


def run_page(run_id: str, may_act: bool = False) -> str | None:
    """One run with its steps and the ends of their logs; None for an unknown id."""
    with Ledger() as ledger:
        run = ledger.run(run_id)
        number = ledger.numbers().get(run_id, 0) if run else 0
    if run is None:
        return None
    return _fill(
        "run.html.j2",
        run=run,
        number=number,
        instant=clock.instant(),
        bars=_bars(run.steps),
        logs={step.step: log_tail(step) for step in run.steps},
        may_act=may_act,
    )


def newest_failure(step: str) -> str | None:
    """The newest run of the last days in which a step (`ingest:redtrack`) failed."""
    found = [one for one in failures() if one.subject == step]
    return max(found, key=lambda one: one.last_at).last_run if found else None


@cache
def runbook() -> str:
    """docs/runbook.md as a page; its headings have the same anchors as on GitHub."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse((paths.root() / "docs" / "runbook.md").read_text(encoding="utf-8"))
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", inline.content)
            opening.attrSet("id", words.lower().replace(" ", "-"))
    text = markdown.renderer.render(tokens, markdown.options, {})
    return _fill("runbook.html.j2", text=text)


def entrance(asked: str, mistake: str = "") -> str:
    """The sign-in page, which leads on to the requested page."""
    return _fill("entrance.html.j2", line="", asked=asked, mistake=mistake)


def notice(line: str) -> str:
    """A page with one line."""
    return _fill("entrance.html.j2", line=line, asked="", mistake="")


def mail(key: str) -> str | None:
    """The HTML of an email as it was sent; None for an unknown key."""
    found = message(key)
    return found.html if found and found.html else None


def _runs() -> list[Run]:
    with Ledger() as ledger:
        return ledger.recent(limit=RUNS_SHOWN)


def _numbers() -> dict[str, int]:
    with Ledger() as ledger:
        return ledger.numbers()


def _paused() -> dict[str, str]:
    """Paused jobs, each with since when, until when and why."""
    with Ledger() as ledger:
        return {job: pause.text() for job, pause in ledger.paused_jobs(clock.now()).items()}


def _brands() -> list[dict[str, Any]]:
    """Each brand's last complete day, the one before it, and a sparkline of the days up to it."""
    today = clock.today()
    found = []
    for (client_id, brand), days in recorded_brand_days().items():
        whole = [one for one in days if one.day < today]
        if not whole:
            continue
        last = whole[-1]
        before = next((one.cpa for one in reversed(whole[:-1]) if one.cpa), None)
        goal = last.cpa_goal
        written = money if last.state else cost_each  # missing spend is not zero cost
        found.append(
            {
                "client": client_id,
                "brand": brand,
                "has_page": client_pages.file_of(client_id) is not None,
                "day": last.day,
                "cpa": _unpriced(last.conversions) if last.cpa is None else written(last.cpa),
                "cost": money(rounded(last.cost)),
                "conversions": last.conversions,
                "state": last.state,
                # a number that cannot be trusted is not compared
                "change": (last.cpa / before - 1) * 100
                if last.cpa and before and not last.state
                else None,
                "goal": money(rounded(goal)) if goal else None,
                "over": (last.cpa / goal - 1) * 100 if last.cpa and goal else None,
                "line": templates.polyline([one.cpa for one in whole], 120, 28),
            }
        )
    return found


def _unpriced(conversions: int) -> str:
    return "Unknown" if conversions else "No conversions"


def _bars(steps: Sequence[Step]) -> dict[str, tuple[float, float]]:
    """Start and width of each step's bar, in percent of the run."""
    begun = [step for step in steps if step.started_at]
    if not begun:
        return {}
    now = clock.instant()
    first = min(step.started_at for step in begun if step.started_at)
    whole = max((step.finished_at or now) for step in begun) - first
    total = max(whole.total_seconds(), 1.0)
    return {
        step.step: (
            (step.started_at - first).total_seconds() / total * 100,
            max(1.0, ((step.finished_at or now) - step.started_at).total_seconds() / total * 100),
        )
        for step in begun
        if step.started_at
    }


def _masked(text: object) -> Markup:
    """Text without secrets; text in backticks becomes code."""
    safe = str(escape(mask(str(text))))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", safe))  # noqa: S704 - escaped above


def _fill(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(style=STYLE, script=SCRIPT, **values)


@cache
def _environment() -> jinja2.Environment:
    environment = templates.environment(TEMPLATES)
    environment.filters.update(
        when=when,
        span=span,
        time=clock_time,
        words=lambda text: text.replace("_", " "),
        counted=counted,
    )
    # converts real-clock instants to a rehearsal's clock
    environment.filters["ran"] = ran
    environment.filters["ran_time"] = lambda at: clock_time(clock.business(at))
    environment.filters["masked"] = _masked
    environment.globals["duration"] = duration
    environment.globals["workflow_page"] = links.run_page
    environment.globals["workflows"] = links.overview
    environment.globals["zone"] = zone_name
    return environment
