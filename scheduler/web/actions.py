"""Actions of a signed-in user on the page: run, pause, replay.

Each is a command of the product, run as a child of the scheduler; names are checked against what
exists, and no form value becomes an option of a command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ingest.registry import NAMES
from scheduler.runs.ledger import Ledger
from scheduler.schedule import Job
from signalroom import clock

# action -> the page's message afterwards
DONE = {
    "run": "Queued.",
    "retry": "Queued.",
    "pause": "Paused.",
    "resume": "Resumed.",
    "snooze": "Snoozed.",
    "replay": "Rejected rows are being read again.",
}
REASON_LIMIT = 200
PAUSES = {"1": "1 day", "3": "3 days", "7": "7 days"}


class UnknownActionError(Exception):
    """A form refers to something that does not exist, as its text says."""


@dataclass(frozen=True)
class Actions:
    """`trigger` starts a job or pulls a source by name; `errand` runs a command as a child."""

    jobs: Sequence[Job]
    trigger: Callable[[str], str]
    errand: Callable[[tuple[str, ...]], None]

    def act(self, form: Mapping[str, str]) -> str:
        """Perform a form's action; returns what was done, in a few words."""
        action, name = form.get("action", ""), form.get("name", "")
        known = [*(job.name for job in self.jobs), *NAMES]
        if action == "retry":
            with Ledger() as ledger:
                run = ledger.run(name)
            name = run.job if run else ""
            name = "daily_reports" if name == "run" else name  # of `signalroom run`
            action = "run"
        if action in ("run", "pause", "resume") and name not in known:
            raise UnknownActionError(f"There is no job or source {name!r}.")
        if action == "run":
            return f"{self.trigger(name)} is queued"
        if action == "pause":
            until = _after(form.get("days", ""))
            self.errand(("pause", name, "--until", f"{until}", "--reason", "paused on the page"))
            return f"{name} is paused until {until}"
        if action == "resume":
            self.errand(("resume", name))
            return f"{name} resumes"
        if action == "snooze":
            until, reason = _until(form.get("until", "")), form.get("reason", "").strip()
            if not re.fullmatch(r"[0-9a-f]{10}", name):
                raise UnknownActionError("There is no such alert.")
            if not reason or reason.startswith("-") or len(reason) > REASON_LIMIT:
                raise UnknownActionError("Say why in a few words.")
            self.errand(("snooze", name, "--until", f"{until}", f"--reason={reason}"))
            return f"the alert is snoozed until {until}"
        if action == "replay":
            self.errand(("dead-letters", "replay", "--all"))
            return "rejected rows are read again"
        raise UnknownActionError("There is no such action.")


def _after(days: str) -> date:
    """The business day on which a pause of so many days ends."""
    if days not in PAUSES:
        raise UnknownActionError("Choose 1, 3 or 7 days.")
    return clock.local_date(clock.now()) + timedelta(days=int(days))


def _until(written: str) -> date:
    """The business day on which a snooze ends."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise UnknownActionError("Choose a day.") from None
    if day <= clock.local_date(clock.now()):
        raise UnknownActionError("Choose a day after today.")
    return day
