"""The rules of alerts.yml: channels for each severity, and quiet hours, for each client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from reports.alerts.incidents import SEVERITIES
from signalroom import clock, yaml_files
from signalroom.clients import registry
from signalroom.errors import ConfigurationError

FILE = Path(__file__).parents[1] / "alerts.yml"
CHANNELS = ("slack", "email", "sms")
OWN_KEYS = ("channels", "quiet_hours", "buyers")
ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+|\+[1-9]\d{6,14}|[A-Z][A-Z0-9]{5,}")
KEYS = ("channels", "quiet_hours", "rules", "clients")
# default numbers of each rule, unless alerts.yml has others
RULES: Mapping[str, Mapping[str, float]] = {
    "zero_rows": {"minimum": 100, "expected": 12},
    "volume": {"minimum": 100, "chance": 1e-5, "play": 0.25, "deviations": 3.6},
    "spend_without_conversions": {"minimum": 100, "chance": 0.05},
    "conversions_without_spend": {"minimum": 100},
    "cpa": {"minimum": 100, "deviations": 3.2, "ratio": 1.4, "payout_spread": 0.05},
    "drift": {"minimum": 100, "deviations": 4},
    "mapping_gap": {"minimum": 100},
    "schema": {"minimum": 0, "chance": 0.0001, "likeness": 0.6},
    "budget": {"minimum": 100, "times": 2},
}


@dataclass(frozen=True)
class QuietHours:
    """A time of day, in business time, when messages of some severities are held back."""

    begin: time
    end: time
    held: tuple[str, ...]

    def until(self, severity: str, moment: datetime) -> datetime | None:
        """When a message of that severity may be sent, if it is held back at that moment; UTC."""
        local = moment.astimezone(clock.zone())
        at = local.time()
        if self.begin < self.end:
            is_quiet = self.begin <= at < self.end
        else:
            is_quiet = at >= self.begin or at < self.end
        if severity not in self.held or not is_quiet:
            return None
        day = local.date() if at < self.end else local.date() + timedelta(days=1)
        ends = datetime.combine(day, self.end, tzinfo=clock.zone())
        if ends.astimezone(UTC) <= moment:
            ends = ends.replace(fold=1)  # in the hour repeated by a clock change
        return ends.astimezone(UTC)


@dataclass(frozen=True)
class Policy:
    """The policy for one client."""

    channels: Mapping[str, tuple[str, ...]]
    quiet: QuietHours | None

    def held_until(self, severity: str, moment: datetime) -> datetime | None:
        """When a new message may be sent, if it is held back at that moment; UTC."""
        return self.quiet.until(severity, moment) if self.quiet else None


def policy(client_id: str, path: Path | None = None) -> Policy:
    """The rules for a client. ConfigurationError names the file and any mistake in it."""
    rules = _Rules(path or FILE)
    rules.check()
    return rules.of(client_id)


def thresholds(rule: str, path: Path | None = None) -> Mapping[str, float]:
    """The numbers of a rule; ConfigurationError names a mistake or a missing one."""
    return _Rules(path or FILE).thresholds(rule)


def minimum(rule: str) -> Decimal:
    """The least amount in dollars that a rule alerts on."""
    return Decimal(str(thresholds(rule)["minimum"]))


def buyers(client_id: str, path: Path | None = None) -> Mapping[str, tuple[str, ...]]:
    """The buyers of a client's traffic: channel addresses by RedTrack source id."""
    return _Rules(path or FILE).buyers(client_id)


def check() -> None:
    """ConfigurationError names the first mistake in alerts.yml, if there is one."""
    _Rules(FILE).check()


class _Rules:
    def __init__(self, path: Path) -> None:
        self._file = path.name
        try:
            written = yaml_files.load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            said = " ".join(str(error).split())
            raise ConfigurationError(f"{self._file} cannot be read: {said}.") from None
        self._top = self._table(written, "the file", KEYS)
        self._clients = self._table(self._top.get("clients") or {}, "clients", tuple(registry()))

    def check(self) -> None:
        """Read the rules of all clients, so that a mistake is found before they are needed."""
        for client_id in registry():
            self.of(client_id)
            self.buyers(client_id)
        for rule in RULES:
            self.thresholds(rule)

    def of(self, client_id: str) -> Policy:
        own = self._clients.get(client_id) or {}
        where = f"client {client_id}, "
        own = self._table(own, f"client {client_id}", OWN_KEYS)
        channels = self._channels(self._top.get("channels"), "channels")
        missing = [severity for severity in SEVERITIES if severity not in channels]
        if missing:
            raise self._mistake("channels", f"{missing[0]} is missing; [] for nowhere")
        channels |= self._channels(own.get("channels") or {}, f"{where}channels")
        keys = ("between", "hold_back")
        quiet = self._table(self._top.get("quiet_hours"), "quiet_hours", keys)
        own_quiet = self._table(own.get("quiet_hours") or {}, f"{where}quiet_hours", keys)
        at = f"{where}quiet_hours" if own_quiet else "quiet_hours"
        return Policy(channels, self._quiet({**quiet, **own_quiet}, at))

    def buyers(self, client_id: str) -> dict[str, tuple[str, ...]]:
        """Addresses by source."""
        own = self._table(self._clients.get(client_id) or {}, f"client {client_id}", OWN_KEYS)
        where = f"client {client_id}, buyers"
        written = own.get("buyers") or {}
        if not isinstance(written, dict):
            raise self._mistake(where, f"is {written!r}; write addresses by source id")
        found = {}
        for source_id, addresses in written.items():
            if not isinstance(addresses, list):
                raise self._mistake(where, f"{source_id} is {addresses!r}; write a list")
            for one in addresses:
                if not ADDRESS.fullmatch(str(one)):
                    said = (
                        f"{one!r} is not a valid address: write ann@example.org, '+15550100199' or "
                    )
                    raise self._mistake(where, f"{said}the id of a Slack channel")
            found[str(source_id)] = tuple(dict.fromkeys(str(one) for one in addresses))
        return found

    def thresholds(self, rule: str) -> dict[str, float]:
        """The numbers of a rule."""
        rules = self._table(self._top.get("rules") or {}, "rules", tuple(RULES))
        where = f"rules, {rule}"
        written = self._table(rules.get(rule) or {}, where, tuple(RULES[rule]))
        for key, number in written.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
                said = f"{key} is {number!r}; write a number, such as {RULES[rule][key]:g}"
                raise self._mistake(where, said)
        return {**RULES[rule], **{key: float(number) for key, number in written.items()}}

    def _channels(self, written: Any, where: str) -> dict[str, tuple[str, ...]]:
        table = self._table(written, where, SEVERITIES)
        return {
            severity: self._list(names, f"{where}, {severity}", CHANNELS)
            for severity, names in table.items()
        }

    def _quiet(self, written: dict[str, Any], where: str) -> QuietHours | None:
        between = written.get("between")
        if between == "none":
            return None
        try:
            begin, end = (time.fromisoformat(part.strip()) for part in str(between).split("-"))
            if begin == end or begin.tzinfo or end.tzinfo:
                raise ValueError
        except ValueError:
            said = f'between is {between!r}; write it as "22:00-07:00", or "none"'
            raise self._mistake(where, said) from None
        held = self._list(written.get("hold_back"), f"{where}, hold_back", SEVERITIES)
        return QuietHours(begin, end, held)

    def _table(self, written: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(written, dict):
            raise self._mistake(where, f"is {written!r}; it has the keys {', '.join(keys)}")
        for key in written:
            if key not in keys:
                raise self._mistake(where, f"{key!r} is unknown; use {', '.join(keys)}")
        return dict(written)

    def _list(self, written: Any, where: str, known: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(written, list):
            raise self._mistake(where, f"is {written!r}; write a list such as [{known[0]}]")
        for name in written:
            if name not in known:
                raise self._mistake(where, f"{name!r} is unknown; use {', '.join(known)}")
        return tuple(dict.fromkeys(written))

    def _mistake(self, where: str, said: str) -> ConfigurationError:
        return ConfigurationError(f"{self._file}, {where}: {said}.")
