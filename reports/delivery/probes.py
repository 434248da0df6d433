"""Checks every channel of every client: off, set up, or verified by a call that sends nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from reports.delivery.attempts import CHANNELS
from reports.delivery.channels.http import Later, Outcome, one_attempt
from signalroom import clients, settings, variables
from signalroom.checks import Check, State
from signalroom.errors import SignalRoomError
from signalroom.logs import explained

FURTHER = {"slack": ("SLACK_ALERT_CHANNEL_ID", "SLACK_BASE_URL"), "email": ("RESEND_API_URL",)}


def check_channels(*, offline: bool) -> list[Check]:
    """One check for each channel and client; `offline` makes no calls.

    The clients of a channel are checked in turn, because an SDK keeps one key; channels run in
    parallel.
    """
    ids = [client.id for client in clients.active_clients()]

    def of(name: str) -> list[Check]:
        return [_check(name, client_id, offline) for client_id in ids]

    with ThreadPoolExecutor(len(CHANNELS)) as pool:
        return [check for checks in pool.map(of, CHANNELS) for check in checks]


def needed_variables() -> list[str]:
    """The variables without which a channel is off."""
    return [name for module in CHANNELS.values() for name in module.REQUIRED]


def _check(name: str, client_id: str, offline: bool) -> Check:
    module = CHANNELS[name]
    whose = f"{name} for client {client_id}"
    scope = {"client": client_id, "channel": name}
    try:
        missing = [one for one in module.REQUIRED if not settings.variable(one, client_id)]
        if missing:
            return _missing(module, name, client_id, missing)
        wrong = variables.broken([*module.REQUIRED, *FURTHER.get(name, ())], client_id)
        if wrong:
            said = f"{whose} cannot work: {', '.join(wrong)} is wrong"
            return Check(name, "fault", said, "Fix it as described above.", **scope)
        if offline:
            return Check(name, "ok", f"{whose} is set up, not checked", **scope)
        with one_attempt():
            limits: list[str] = module.probe(client_id)
    except Later as outcome:
        state: State = "warning" if "slow down" in str(outcome) else "fault"
        return Check(name, state, f"{whose}: {module.NAME} {outcome}", "Ask again later.", **scope)
    except Outcome as outcome:
        repair = f"Check {' and '.join(module.REQUIRED[:2])}."
        return Check(name, "fault", f"{whose}: {module.NAME} {outcome}", repair, **scope)
    except SignalRoomError as error:
        return Check(name, "fault", f"{whose}: {error}".rstrip("."), **scope)
    except Exception as error:
        return Check(name, "fault", f"{whose}: {explained(error)}", **scope)
    if limits:
        return Check(name, "warning", f"{whose} answers, but {'; '.join(limits)}", **scope)
    return Check(name, "ok", f"{whose} is connected", **scope)


def _missing(module: ModuleType, name: str, client_id: str, missing: list[str]) -> Check:
    names = ", ".join(missing)
    scope = {"client": client_id, "channel": name}
    own = [
        one
        for one in module.REQUIRED
        if settings.variable(one, client_id)
        and not (settings.is_shared(one) and client_id != clients.default_client_id())
    ]
    repair = f"Set {names}."
    if own and len(missing) < len(module.REQUIRED):
        said = f"{name} for client {client_id} is off: {own[0]} is set, {names} is not"
        return Check(name, "warning", said, repair, **scope)
    said = f"{name} for client {client_id} is off: {names} not set"
    return Check(name, "off", said, repair, **scope)
