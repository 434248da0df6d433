"""The scenarios of the gallery, as data: how the marts differ, what was sent before, what is wrong.

The marts are the recorded ones (reports/preview/recorded.py), each scenario a few statements over
them. To add one, define it here; it appears for every report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from reports.model import Period
from reports.preview.incidents import (
    ANOMALY,
    CAME_BACK,
    KINDS,
    LATE,
    MANY,
    OPEN,
    RESOLVED,
    SAID,
    SHARED,
    Wrong,
    hostile_incidents,
)
from reports.preview.patches import (
    BEFORE_RESTATED,
    HOSTILE,
    HUGE,
    LATE_MARTS,
    MIDWEEK,
    NAMES,
    NO_DATA,
    NO_SPEND,
    REDTRACK_NEVER,
    RUNNING,
    Patches,
)
from reports.preview.recorded import NOW

SUNDAY = date(2026, 11, 15)
RESTATED = date(2026, 11, 8)  # the Sunday before


@dataclass(frozen=True)
class Before:
    """A message that was sent before: its day, when, and how the marts differed then."""

    day: date
    now: str
    patches: Patches


@dataclass(frozen=True)
class Scenario:
    """One situation. `shows` says what to look for; times are of the business zone.

    `patches` change the recorded marts (None: no report on marts has this scenario), `wrong` are
    the incidents of an alert; `periods` limits it to reports of these periods.
    """

    name: str
    title: str
    shows: str
    patches: Patches | None = ()
    wrong: tuple[Wrong, ...] | None = None
    now: str = NOW
    day: date = SUNDAY
    before: Before | None = None
    client_name: str = ""
    periods: tuple[Period, ...] = ("daily", "weekly", "event")


SCENARIOS = (
    Scenario("normal", "Normal", "A complete day, as on most mornings.", wrong=(OPEN,)),
    Scenario(
        "no-data",
        "No data",
        "No source was loaded: it says so, and shows no zeros.",
        NO_DATA,
        (),
    ),
    Scenario(
        "late",
        "Late source",
        "A source was not requested since midnight: it is named in the headline.",
        LATE_MARTS,
        (LATE,),
    ),
    Scenario(
        "missing",
        "Missing source",
        "RedTrack was never loaded for the day: unknown is a dash, never zero.",
        REDTRACK_NEVER,
    ),
    Scenario(
        "gaps",
        "Missing spend",
        "Conversions without a row of spend: the CPA may be too low.",
        NO_SPEND,
    ),
    Scenario(
        "restated",
        "Restated day",
        "A past day that was reported has changed: from what, to what, because of what.",
        wrong=(CAME_BACK,),
        before=Before(RESTATED, "2026-11-09T07:30:00", BEFORE_RESTATED),
    ),
    Scenario(
        "corrected",
        "Corrected",
        "The first complete message after an INCOMPLETE one says what it corrects.",
        before=Before(SUNDAY, "2026-11-16T07:00:00", LATE_MARTS),
    ),
    Scenario(
        "running",
        "Still running",
        "Asked for before the day is over.",
        RUNNING,
        now="2026-11-15T16:20:00",
    ),
    Scenario(
        "midweek",
        "Midweek",
        "Asked for on a Thursday: weekly reports are about the week before and the one so far.",
        MIDWEEK,
        now="2026-11-19T09:30:00",
        day=date(2026, 11, 18),
        periods=("weekly",),
    ),
    Scenario(
        "huge",
        "Huge numbers",
        "A billion dollars a day, and far more names than a message has room for.",
        HUGE,
        MANY,
    ),
    Scenario(
        "hostile",
        "Hostile names",
        "Whatever vendors write is text: no script runs, no one is mentioned, nothing breaks.",
        NAMES,
        hostile_incidents(HOSTILE),
        client_name="<b>Acme</b> & *Sons* <!channel>",
    ),
    Scenario(
        "resolved",
        "Incident resolved",
        "It is over: what it was, and how long it lasted.",
        None,
        (RESOLVED,),
    ),
    Scenario(
        "shared",
        "Every client",
        "One cause, one message: it names the clients of whom its reader may hear.",
        None,
        (SHARED,),
    ),
    Scenario(
        "anomaly", "Anomaly", "A day that a rule found, with what it costs.", None, (ANOMALY,)
    ),
    Scenario("kinds", "Other kinds", "One alert of each other kind, in one message.", None, KINDS),
    Scenario("notice", "Notice", "Said once, with nothing to do.", None, (SAID,)),
)
