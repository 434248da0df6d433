"""Failed steps in words: title and repair by the class of the error, and the cause they share.

The caller decides the severity, and whether a retry may still fix it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reports.alerts.incidents import Trouble
from signalroom import settings, sources
from signalroom.clients import default_client_id
from signalroom.secrets import is_secret

KIND = "step_failed"
KEPT = {
    "ingest": "Existing data is unchanged; other sources continue.",
    "dbt": "The marts are unchanged; reports say how fresh their numbers are.",
    "report": "What was delivered stays delivered; nothing is sent twice.",
}
HOLDER = re.compile("is open in (process .+?): close it there")  # of a DuckDB file
WAREHOUSE = ("WarehouseError", "OperationalError", "InterfaceError")


@dataclass(frozen=True)
class FailedStep:
    """What failed: a step of a run (`ingest:redtrack`, `dbt`, `report:daily_ccw`) for a client."""

    step: str
    client_id: str
    error_class: str
    said: str
    tries: int
    run_id: str
    job: str  # the command that repeats it

    @property
    def kind(self) -> str:
        """`ingest`, `dbt` or `report`."""
        return self.step.partition(":")[0]

    @property
    def subject(self) -> str:
        """The source or report."""
        return self.step.partition(":")[2]

    @property
    def again(self) -> str:
        """The command that repeats it."""
        return f"`signalroom trigger {self.job}`"

    @property
    def name(self) -> str:
        """Its display name."""
        if self.kind == "ingest" and self.subject in sources.names():
            return str(sources.declared(self.subject).TITLE)
        return self.subject or "dbt"


def step_failed(
    step: FailedStep, severity: str = "critical", quiet_until: datetime | None = None
) -> Trouble:
    """The trouble of a step that failed permanently; see Trouble for `quiet_until`."""
    title, repair = _words(step)
    tried = "once" if step.tries == 1 else f"{step.tries} times"
    return Trouble(
        kind=KIND,
        client_id=step.client_id,
        subject=step.step,
        severity=severity,
        title=title,
        detail=f"Tried {tried}: {step.said} {KEPT[step.kind]}",
        repair=repair,
        cause=_cause(step),
        quiet_until=quiet_until,
    )


def _cause(step: FailedStep) -> str:
    if step.error_class in WAREHOUSE:
        return "warehouse"
    return f"{step.step}:{step.error_class}"


def _words(step: FailedStep) -> tuple[str, str]:
    """Title and repair."""
    if step.error_class in WAREHOUSE:
        holder = HOLDER.search(step.said)
        first = f"Close it in {holder[1]}" if holder else "`signalroom doctor` checks the database"
        repair = f"{first}; then {step.again}."
        return "The warehouse is unavailable", repair
    words = _WORDS.get((step.kind, step.error_class)) or _ANY.get(step.error_class)
    if words:
        return words(step)
    details = f"`signalroom runs show {step.run_id}` has the details; {step.again} runs it again."
    return {
        "ingest": f"{step.name} could not be loaded",
        "dbt": "dbt build failed",
        "report": f"{step.name} could not be made",
    }[step.kind], details


def key_variables(source: str, client_id: str) -> list[str]:
    """The secret variables of a source, as set for that client."""
    if source not in sources.names():
        return []
    required = getattr(sources.declared(source), "REQUIRED", ())
    names = [name for one in required for name in one.split(" or ") if is_secret(name)]
    found = []
    for name in names:
        own = f"{name}__{settings.suffix(client_id)}"
        plain = client_id == default_client_id() or settings.is_shared(name)
        found.append(name if plain and not settings.exactly(own) else own)
    return found


def _key_refused(step: FailedStep) -> tuple[str, str]:
    names = key_variables(step.subject, step.client_id)
    new = f"a new {' and '.join(names)}" if names else "new credentials"
    return f"{step.name} rejected the API key", f"Put {new} into .env, then {step.again}."


def _key_may_not(step: FailedStep) -> tuple[str, str]:
    names = " and ".join(key_variables(step.subject, step.client_id)) or "the key"
    repair = f"Give {names} the permission at {step.name}, then {step.again}."
    return f"{step.name}: the API key lacks a permission", repair


def _answer(step: FailedStep) -> tuple[str, str]:
    repair = f"`signalroom dead-letters list` shows the answer; {step.again} pulls again."
    return f"{step.name} sent an answer that cannot be used", repair


def _too_large(step: FailedStep) -> tuple[str, str]:
    repair = f"Raise SIGNALROOM_HTTP_MAX_ANSWER_MB in .env, then {step.again}."
    return f"{step.name} sent an answer over the size limit", repair


def _away(step: FailedStep) -> tuple[str, str]:
    repair = f"Look at the vendor's status page; each pull tries again, {step.again} tries now."
    return f"{step.name} does not answer", repair


def _settings(step: FailedStep) -> tuple[str, str]:
    repair = f"`signalroom doctor` names the variable; fix it in .env, then {step.again}."
    return f"{step.name}: a setting is wrong", repair


def _limit(step: FailedStep) -> tuple[str, str]:
    repair = (
        f"`signalroom runs show {step.run_id}` shows where it hung; {step.again} runs it again, "
        "`limit` in scheduler/schedule.yml gives it longer."
    )
    return f"{step.name} exceeded its time limit", repair


def _killed(step: FailedStep) -> tuple[str, str]:
    return (
        f"{step.name} was killed",
        f"Check the machine's memory, then {step.again}.",
    )


def _tests(step: FailedStep) -> tuple[str, str]:
    repair = f"Fix what the check names in the data or the model, then {step.again}."
    return "A check of the numbers failed in dbt build", repair


def _refused(step: FailedStep) -> tuple[str, str]:
    repair = (
        f"Fix the recipient or the key that it names (`signalroom doctor` checks each channel), "
        f"then `signalroom report {step.name} --send`: it goes only to those who lack it."
    )
    return f"{step.name} was refused by its channel", repair


def _undelivered(step: FailedStep) -> tuple[str, str]:
    repair = "It is tried again by itself; `signalroom deliver` tries now."
    return f"{step.name} is not delivered yet", repair


def _unconfirmed(step: FailedStep) -> tuple[str, str]:
    repair = f"Look whether it arrived; `signalroom report {step.name} --send --again` repeats it."
    return f"{step.name}: delivery unconfirmed", repair


Words = Callable[[FailedStep], tuple[str, str]]
_WORDS: dict[tuple[str, str], Words] = {
    ("ingest", "CredentialsError"): _key_refused,
    ("ingest", "ForbiddenError"): _key_may_not,
    ("ingest", "AnswerError"): _answer,
    ("ingest", "AbsentError"): _answer,
    ("ingest", "TooLargeError"): _too_large,
    ("ingest", "SourceError"): _away,
    ("dbt", "TestsFailed"): _tests,
    ("report", "DeliveryError"): _refused,
    ("report", "Undelivered"): _undelivered,
    ("report", "Unconfirmed"): _unconfirmed,
}
_ANY: dict[str, Words] = {
    "ConfigurationError": _settings,
    "Limit": _limit,
    "Killed": _killed,
}
