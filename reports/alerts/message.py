"""The alert: what is wrong now, in words. One incident as a message, or all of a client's as files.

`read` returns the incidents for a client's channels, `build` the context that the templates alert.*
render for each channel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reports.alerts.groups import by_group, together
from reports.alerts.incidents import ALL_CLIENTS, Incident, Incidents
from reports.model import Figure, LastReport, Report, Row, Rows, Subject, refuse_foreign
from reports.shared.completeness import Completeness
from reports.shared.text import Link, alert_link, clean, listed, runbook_link
from signalroom import clock
from signalroom.clients import Client, default_client_id, registry
from signalroom.times import moment, span

MOST = 8  # incidents in one message; an email must stay below 90 KB
TEXT_LIMIT, SHORT_LIMIT = 900, 240  # for a single incident, for one of several
LABELS = {"critical": "Critical", "warning": "Warning", "notice": "Notice"}


@dataclass(frozen=True)
class Alert:
    """One incident, or several with the same cause, as shown to people.

    `state` is `open`, `resolved` or `said` (a notice); `client` lists the affected clients.
    """

    client_id: str
    kind: str
    about: str
    client: str
    severity: str
    state: str
    subject: str
    title: str
    detail: str
    repair: str
    opened_at: datetime
    last_at: datetime
    settled_at: datetime | None
    count: int
    rounds: int

    @property
    def label(self) -> str:
        """The word that comes first."""
        return "Resolved" if self.state == "resolved" else LABELS[self.severity]

    @property
    def is_shared(self) -> bool:
        """Whether it affects several clients, which are then named next to the title."""
        return "," in self.client

    @property
    def link(self) -> Link | None:
        """The link to its place on the page, if people can reach the page."""
        whose = ALL_CLIENTS if self.client == "all clients" else self.client
        return None if self.state == "said" else alert_link(self.kind, whose, self.subject)

    @property
    def runbook(self) -> str:
        """The URL of its runbook entry, while it is open."""
        return runbook_link(self.kind) if self.state == "open" else ""

    @property
    def brief(self) -> str:
        """The title, with room for more next to it in an SMS."""
        return clean(self.title, 90)

    @property
    def lasted(self) -> str:
        """How long it lasted, once resolved."""
        if self.settled_at is None:
            return ""
        words = f"lasted {span(self.settled_at - self.opened_at, with_seconds=False)}"
        return f"{words}, on and off" if self.rounds > 1 else words

    @property
    def headline(self) -> str:
        """State and title in one line."""
        if self.state == "resolved":
            return f"Resolved, {self.lasted}: {self.title}"
        return self.title if self.state == "said" else f"{self.label}: {self.title}"

    @property
    def history(self) -> tuple[str, ...]:
        """Since when and how often, a sentence each."""
        if self.state == "said":
            return (f"{moment(self.opened_at)}.",)
        sentences = [f"Since {moment(self.opened_at)}."]
        if self.state == "resolved" and self.settled_at is not None:
            sentences = [f"From {moment(self.opened_at)} to {moment(self.settled_at)}."]
        if self.count > 1:
            sentences.append(f"Occurred {self.count:,} times, latest {moment(self.last_at)}.")
        if self.rounds > 1:
            times = "once" if self.rounds == 2 else f"{self.rounds - 1} times"
            sentences.append(f"Recurred {times}.")
        return tuple(sentences)


@dataclass(frozen=True)
class Alerts:
    """The full content of an alert; `more` is how many incidents do not fit."""

    client_id: str
    title: str
    day: date
    alerts: tuple[Alert, ...]
    more: int = 0
    figures: tuple[Figure, ...] = ()

    @property
    def completeness(self) -> Completeness:
        """An alert is about now; it is never incomplete."""
        return Completeness("complete", (), (), ())

    @property
    def reported(self) -> Mapping[str, Mapping[str, str]]:
        """Nothing for a later report to compare with."""
        return {}

    @property
    def headline(self) -> str:
        """What is wrong, in one line."""
        if not self.alerts:
            return "No open incidents."
        if len(self.alerts) == 1:
            return self.alerts[0].headline
        return f"{len(self.alerts) + self.more} incidents, first {self.alerts[0].headline}"


def addressee(client_id: str) -> str:
    """The client whose channels get a trouble; those of all clients go to the default client."""
    return default_client_id() if client_id == ALL_CLIENTS else client_id


def read(client: Client, day: date) -> list[Row]:
    """A client's incidents: those open now, or all that were open on an earlier day."""
    with Incidents() as incidents:
        if day >= clock.today():
            found = incidents.open()
        else:
            next_day = clock.midnight(day + timedelta(days=1))
            found = incidents.during(clock.midnight(day), next_day)
    return [
        {"_client_id": client.id, "incident": incident}
        for incident in found
        if addressee(incident.client_id) == client.id
    ]


def build(subject: Subject, rows: Rows, history: Mapping[date, LastReport]) -> Alerts:
    """All incidents among the rows, by cause. ReportError when one is another client's."""
    incidents: list[Incident] = [row["incident"] for row in rows["query"]]
    groups = [together(members) for members in by_group(incidents).values()]
    return alerts_of(subject.client_id, groups, subject.requested_day or subject.day)


def alerts_of(
    client_id: str, groups: Sequence[Incident], day: date, also: Collection[str] = ()
) -> Alerts:
    """The context of groups (`groups.together`) for a recipient of that client.

    `also` are other clients whose incidents the recipient may see; ReportError for any other.
    """
    limit = TEXT_LIMIT if len(groups) == 1 else SHORT_LIMIT
    for incident in groups:
        for one in incident.client_id.split(", "):
            if addressee(one) not in also:
                refuse_foreign(addressee(one), client_id)
    alerts = [_alert(client_id, incident, limit) for incident in groups[:MOST]]
    return Alerts(client_id, "Alert", day, tuple(alerts), len(groups) - len(alerts))


def _alert(client_id: str, incident: Incident, limit: int) -> Alert:
    state = "open" if incident.is_open else "resolved"
    return Alert(
        client_id=client_id,
        kind=incident.kind,
        about=_about(incident.client_id),
        client="all clients" if incident.client_id == ALL_CLIENTS else incident.client_id,
        severity=incident.severity,
        state="said" if incident.is_notice else state,
        subject="" if incident.is_notice else clean(_subject(incident), 120),
        title=clean(incident.title, 150) or "(no title)",
        detail=_plain(incident.detail, limit),
        repair=_plain(incident.repair, limit) if state == "open" else "",
        opened_at=incident.opened_at,
        last_at=incident.last_at,
        settled_at=None if incident.is_notice else incident.settled_at,
        count=incident.count,
        rounds=incident.rounds,
    )


def _subject(incident: Incident) -> str:
    """What failed; for a rule's finding the rule, because the title says where and when."""
    rules = {"anomaly": incident.subject.partition(":")[0], "budget": "budget"}
    return f"rule {rules[incident.kind]}" if incident.kind in rules else incident.subject


def _plain(text: str, limit: int) -> str:
    # Backticks mark commands in logs and on the page; here they would be shown literally.
    return clean(text.replace("`", "'"), limit)


def _about(client_ids: str) -> str:
    if client_ids == ALL_CLIENTS:
        return "All clients"
    names = [registry()[one].name if one in registry() else one for one in client_ids.split(", ")]
    return listed(names)


REPORT = Report(
    name="alert",
    title="Alert",
    read=read,
    folder="alerts",
    queries=(),
    build=build,
    period="event",
)
