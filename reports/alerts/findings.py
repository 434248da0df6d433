"""Troubles in words: what is wrong, what is unaffected, and what to do now.

Failed steps are reported by the scheduler (reports.alerts.causes). Each function returns the
Trouble for reports.alerts.incidents.report_trouble; its kind, client and subject identify it when
it is resolved. Nothing here reads or writes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from reports.alerts.incidents import ALL_CLIENTS, Trouble
from reports.shared.figures import money
from reports.shared.text import clean, day_name, listed
from signalroom import sources
from signalroom.plural import counted
from signalroom.times import moment

DEFERRAL_GRACE = timedelta(minutes=15)  # time for the pull after a rate limit to finish


def build_warned(warnings: Sequence[str]) -> Trouble:
    """dbt tests that warn: the numbers are built, but something looks wrong."""
    return Trouble(
        kind="build_warned",
        client_id=ALL_CLIENTS,
        subject="dbt",
        severity="notice",
        title=f"dbt build: {counted(len(warnings), 'check warns', 'checks warn')}",
        detail=f"{_lines(warnings)} The numbers are built all the same.",
        repair="Look at what the check names; `signalroom build` repeats it.",
    )


def dead_letters(client_id: str, source: str, count: int) -> Trouble:
    """Open rejected rows; all other rows were loaded."""
    rows = counted(count, "rejected row")
    name = str(sources.declared(source).TITLE) if source in sources.names() else source
    return Trouble(
        kind="dead_letters",
        client_id=client_id,
        subject=source,
        severity="notice",
        title=f"{name}: {rows}",
        detail="They could not be read and are kept in ops.dead_letters; all others were loaded.",
        repair="`signalroom dead-letters list` names file, line and reason; fix the file, then "
        "`signalroom dead-letters replay --all`.",
    )


def source_late(
    client_id: str,
    source: str,
    last_success: datetime | None,
    due: datetime | None,
    deferred: datetime | None = None,
    why: str = "",
) -> Trouble | None:
    """A source that was not loaded since it was due; None if it was loaded, or nothing was due.

    `due` is the latest scheduled instant whose grace period is over, `deferred` when it is pulled
    again after a rate limit: no one is alerted before then. `why` is what else is known about the
    reason, in a sentence.
    """
    if due is None or (last_success is not None and last_success >= due):
        return None
    known = "It was never loaded" if last_success is None else f"Last loaded {moment(last_success)}"
    if deferred:
        why = f"Rate-limited until {moment(deferred)}."
    name = str(sources.declared(source).TITLE) if source in sources.names() else source
    return Trouble(
        kind="source_late",
        client_id=client_id,
        subject=source,
        severity="warning",
        title=f"{name} is late",
        detail=f"{known}; it was due {moment(due)}. {why}{' ' if why else ''}Existing data is "
        "unchanged, and reports name it as late.",
        repair=f"`signalroom runs list` shows what ran; `signalroom ingest {source}` loads it now.",
        quiet_until=deferred + DEFERRAL_GRACE if deferred else None,
    )


@dataclass(frozen=True)
class Unmapped:
    """The exact spend of a traffic source without an affiliate on its newest day."""

    source: str
    day: date
    cost: Decimal

    @property
    def name(self) -> str:
        """Its display name."""
        return clean(self.source, 60) or "(no name)"


def unmapped_spend(client_id: str, spend: Sequence[Unmapped], minimum: Decimal) -> Trouble:
    """Spend on unmapped RedTrack sources; below the minimum it is only recorded."""
    total = sum((one.cost for one in spend), Decimal(0))
    dearest = sorted(spend, key=lambda one: (-one.cost, one.name))
    names = [f"{one.name} {money(one.cost)} on {day_name(one.day)}" for one in dearest]
    first = dearest[0].name
    what = f"{first} has" if len(spend) == 1 else f"{len(spend)} traffic sources have"
    whose = first if len(spend) == 1 else "each of them"
    is_small = total < minimum
    return Trouble(
        kind="unmapped_spend",
        client_id=client_id,
        subject="unmapped spend",
        severity="notice" if is_small else "warning",
        title=f"{what} no affiliate, {money(total)}",
        detail=f"{listed(names, 8)}: listed separately in the reports and excluded from CPA.",
        repair=f"Map {whose} in data/clients/{client_id}/mappings/internal-affiliates.csv (use n/a "
        "where there is no affiliate).",
        is_silent=is_small,
    )


def unexplained_changes(client_id: str, days: Sequence[date], lines: int) -> Trouble:
    """Reported days that changed by more than their known causes, with all sources complete."""
    named = listed([day_name(day) for day in days], most=5)
    return Trouble(
        kind="unexplained_change",
        client_id=client_id,
        subject="changes",
        severity="warning",
        title=f"{counted(lines, 'line')} changed without a known cause",
        detail=f"{named}: what was reported and what is known now differ by more than conversions, "
        "adjustments, spend and edits account for. The figures are those of the sources.",
        repair='`signalroom query "select * from performance_changes where cause = '
        "'unexplained'\"` names the lines; `signalroom explain` shows the rows of one.",
    )


def delivery_failed(
    client_id: str, channel: str, recipient: str, report: str, reason: str
) -> Trouble:
    """A message that its channel rejected permanently."""
    return Trouble(
        kind="delivery_failed",
        client_id=client_id,
        subject=f"{channel}:{recipient}",
        cause=f"delivery:{channel}",
        severity="warning",
        title=f"{report} was not delivered to {recipient}",
        detail=f"{reason}. The other recipients have it, and the message is kept in the outbox.",
        repair=f"Fix the recipient or the key, then `signalroom report {report} --send`: it goes "
        "only to those who lack it.",
    )


def _lines(lines: Sequence[str]) -> str:
    """The first few lines, each ending like a sentence."""
    shown = [clean(line, 200) for line in lines[:3]]
    more = len(lines) - len(shown)
    said = " ".join(line if line.endswith((".", "!", "?")) else f"{line}." for line in shown)
    return f"{said} And {more} more." if more else said
