"""The scenarios of the gallery, as data: what the marts hold, what was told before, what is wrong.

To add one, write it down here; it appears for every report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from reports.model import Period
from reports.preview.incidents import (
    CAME_BACK,
    LATE,
    MANY,
    OPEN,
    RESOLVED,
    SAID,
    Wrong,
    hostile_incidents,
)
from reports.preview.names import HOSTILE
from reports.preview.world import INTERNAL, RESTATED, SUNDAY, USUAL, Affiliate, World
from reports.shared.completeness import EVERFLOW, REDTRACK
from reports.state_performance.build import S3

MONDAY_MORNING = "2026-11-16T09:30:00"
USUAL_WORLD = World(USUAL)
LATE_WORLD = replace(USUAL_WORLD, late=(REDTRACK, S3))


@dataclass(frozen=True)
class Telling:
    """A message that went out before: of which day, when, and what the marts held then."""

    world: World
    day: date
    now: str


@dataclass(frozen=True)
class Scenario:
    """One situation. `shows` says what to look for; times are of the business zone.

    `world` is what reports on marts see (None: it is none of theirs), `wrong` the incidents that
    an alert is about; `periods` keeps it to reports of these periods.
    """

    name: str
    title: str
    shows: str
    world: World | None = USUAL_WORLD
    wrong: tuple[Wrong, ...] | None = None
    now: str = MONDAY_MORNING
    day: date = SUNDAY
    told: Telling | None = None
    client_name: str = ""
    periods: tuple[Period, ...] = ("daily", "weekly", "event")


SCENARIOS = (
    Scenario("normal", "Normal", "A complete day, as on most mornings.", wrong=(OPEN,)),
    Scenario(
        "no-data",
        "No data",
        "No source was loaded: it says so, and shows no zeros.",
        replace(USUAL_WORLD, until=date(2026, 11, 7)),
        (),
    ),
    Scenario(
        "late",
        "Late source",
        "A source was not asked since midnight: it is named in the headline.",
        LATE_WORLD,
        (LATE,),
    ),
    Scenario(
        "missing",
        "Missing source",
        "RedTrack was never loaded for the day: unknown is a dash, never zero.",
        replace(USUAL_WORLD, never=(REDTRACK,)),
    ),
    Scenario(
        "gaps",
        "Missing spend",
        "Conversions without a row of spend: the CPA may be too low.",
        replace(
            USUAL_WORLD,
            affiliates=tuple(
                replace(one, price="0", state="missing_spend") if one.name == "G2 - Google" else one
                for one in USUAL
            ),
        ),
    ),
    Scenario(
        "restated",
        "Restated day",
        "A past day that was told has changed: from what, to what, because of what.",
        replace(USUAL_WORLD, correction=3),
        (CAME_BACK,),
        told=Telling(replace(USUAL_WORLD, until=RESTATED), RESTATED, "2026-11-09T07:30:00"),
    ),
    Scenario(
        "corrected",
        "Corrected",
        "The first complete message after an INCOMPLETE one says what it corrects.",
        told=Telling(LATE_WORLD, SUNDAY, "2026-11-16T07:00:00"),
    ),
    Scenario(
        "running",
        "Still running",
        "Asked for before the day is over.",
        replace(USUAL_WORLD, late=(EVERFLOW, REDTRACK, S3)),
        now="2026-11-15T16:20:00",
    ),
    Scenario(
        "midweek",
        "Midweek",
        "Asked for on a Thursday: weekly reports are about the week before and the one so far.",
        replace(USUAL_WORLD, until=date(2026, 11, 18)),
        now="2026-11-19T09:30:00",
        day=date(2026, 11, 18),
        periods=("weekly",),
    ),
    Scenario(
        "huge",
        "Huge numbers",
        "A billion dollars a day, and far more names than a message has room for.",
        World(
            tuple(
                replace(one, name=f"{one.name} {number}" if number else one.name)
                for number in range(4)
                for one in USUAL
            ),
            tuple(f"Traffic source {number}" for number in range(1, 13)),
            factor=123_457,
        ),
        MANY,
    ),
    Scenario(
        "hostile",
        "Hostile names",
        "Whatever vendors write is text: no script runs, nobody is mentioned, nothing breaks.",
        World(
            (
                *(
                    Affiliate(name, 14 - at % 13, "27.50", INTERNAL if at % 3 else "external")
                    for at, name in enumerate(HOSTILE)
                ),
                Affiliate("A negative number", -4, "30.00"),
            ),
            HOSTILE,
            labels=(HOSTILE[0], HOSTILE[1]),
            projects=HOSTILE[:6],
        ),
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
    Scenario("notice", "Notice", "Said once, with nothing to do.", None, (SAID,)),
)
