"""Groups: incidents with the same cause, sent in one message; and when a group is silent.

A recipient is only sent incidents of its own clients: `together` combines them into one incident,
which is planned, rendered and sent like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from reports.alerts.incidents import ALL_CLIENTS, SEVERITIES, Incident
from reports.alerts.snoozes import Snooze, snoozed_by

# How long a symptom stays silent after its cause is resolved: the next build resolves it.
RECOVERY = timedelta(minutes=20)
LOOK_AGAIN = timedelta(minutes=10)  # when a symptom's cause is checked again


def by_group(incidents: Iterable[Incident]) -> dict[str, list[Incident]]:
    """Incidents by group, in the given order."""
    groups: dict[str, list[Incident]] = {}
    for one in incidents:
        groups.setdefault(one.group_id or one.incident_id, []).append(one)
    return groups


def together(members: Sequence[Incident]) -> Incident:
    """The members of one group as one incident; `client_id` then lists clients.

    Resolved ones are left out while any is open. The most severe comes first; ties are ordered by
    client and subject, because incidents may open at the same time.
    """
    shown = [one for one in members if one.is_open] or list(members)
    shown.sort(key=lambda one: (SEVERITIES.index(one.severity), one.client_id, one.subject))
    first = min(shown, key=lambda one: one.opened_at)
    whose = sorted({one.client_id for one in shown})
    if ALL_CLIENTS in whose:
        whose = [ALL_CLIENTS]
    settled = [one.settled_at for one in shown if one.settled_at]
    sent = [one.told_at for one in members if one.told_at]
    return replace(
        first,
        incident_id=first.group_id or first.incident_id,
        client_id=", ".join(whose),
        severity=min((one.severity for one in shown), key=SEVERITIES.index),
        subject=", ".join(dict.fromkeys(one.subject for one in shown)),
        title=_title(shown),
        detail=" ".join(_by_client(shown, "detail")),
        repair=_repair([one.repair for one in shown if one.repair]),
        last_at=max(one.last_at for one in shown),
        count=sum(one.count for one in shown) - len(shown) + 1,
        rounds=max(one.rounds for one in shown),
        settled_at=None if any(one.is_open for one in shown) else max(settled, default=None),
        told_at=max(sent, default=None),
    )


def _title(shown: Sequence[Incident]) -> str:
    titles = list(dict.fromkeys(one.title for one in shown))
    if len(titles) == 1:
        return titles[0]
    if len({one.client_id for one in shown}) > 1:
        return "; ".join(_by_client(shown, "title"))
    return f"{titles[0]} and {len(titles) - 1} more"


def _by_client(shown: Sequence[Incident], name: str) -> list[str]:
    """Different texts, each with its client where there are several."""
    texts: dict[str, list[str]] = {}
    for one in shown:
        texts.setdefault(getattr(one, name), []).append(one.client_id)
    if len(texts) == 1 or len({one.client_id for one in shown}) == 1:
        return [text for text in texts if text]
    return [f"{', '.join(dict.fromkeys(ids))}: {text}" for text, ids in texts.items() if text]


def _repair(texts: Sequence[str]) -> str:
    """Different repairs as one: if a single word differs, all its variants are listed."""
    different = list(dict.fromkeys(texts))
    words = [text.split() for text in different]
    if len(different) > 1 and len({len(one) for one in words}) == 1:
        places = list(zip(*words, strict=True))
        if sum(len(set(forms)) > 1 for forms in places) == 1:
            return " ".join(" and ".join(dict.fromkeys(forms)) for forms in places)
    return " ".join(different)


def silent_until(
    members: Sequence[Incident],
    others: Sequence[Incident],
    snoozes: Mapping[tuple[str, str], Snooze],
    now: datetime,
) -> datetime | None:
    """Until when a group is silent, or None: snoozed, or a symptom of an open cause.

    `others` are all incidents that are open or were recently. A group is not silent if one of its
    open members is not.
    """
    ends = [_silent_until(one, others, snoozes, now) for one in members if one.is_open]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None


def _silent_until(
    incident: Incident,
    others: Sequence[Incident],
    snoozes: Mapping[tuple[str, str], Snooze],
    now: datetime,
) -> datetime | None:
    if found := snoozed_by(incident, snoozes):
        return found.until
    is_symptom = any(
        is_cause_of(one, incident) and (one.settled_at is None or one.settled_at > now - RECOVERY)
        for one in others
    )
    return now + LOOK_AGAIN if is_symptom else None


def is_cause_of(one: Incident, symptom: Incident) -> bool:
    """Whether a failed step explains what else looks wrong: late sources, gaps in the figures."""
    if one.kind != "step_failed" or one.client_id not in (symptom.client_id, ALL_CLIENTS):
        return False
    if symptom.kind == "source_late":
        return one.subject == f"ingest:{symptom.subject}"
    return symptom.kind == "anomaly" and one.subject.startswith("ingest:")
