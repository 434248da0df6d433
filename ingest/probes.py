"""Checks every source of every client: off, set up, or verified by one cheap read-only call.

A source's `probe.py` has `probe(pull)`: it returns warnings and raises what is refused.
Nothing is written, at the vendor or here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from ingest.http import no_longer_than
from ingest.model import Pull, Window
from ingest.pull import missing_variables, refuse_shared_accounts
from ingest.registry import NAMES, SourceSettings, source
from signalroom import clients, clock, settings, sources, variables
from signalroom.checks import UNREACHED, Check, split
from signalroom.errors import (
    AnswerError,
    ConfigurationError,
    CredentialsError,
    DeferredError,
    SignalRoomError,
    SourceError,
    WarehouseError,
)
from signalroom.logs import explained
from signalroom.paths import root
from signalroom.source_states import States, read_states

PATIENCE_S = 8.0  # someone is waiting for it
WORKERS = 8
Probe = Callable[[Pull], list[str]]


def check_sources(states: States, *, offline: bool) -> list[Check]:
    """One check for each source and client, in order; `offline` makes no calls."""
    found: list[Check] = []
    waiting: list[tuple[int, SourceSettings, str]] = []
    for name in NAMES:
        one = source(name)
        try:
            refuse_shared_accounts(one)
        except SignalRoomError as error:
            found.append(Check(name, "fault", str(error), source=name))
        for client in clients.active_clients():
            check = _settings(one, client.id, states)
            if check.state == "ok" and not offline:
                waiting.append((len(found), one, client.id))
            found.append(check)
    # imported here: threads that import dlt concurrently can see it half initialized
    probes = {one.name: _probe(one.name) for _, one, _ in waiting}
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = pool.map(lambda each: _ask(each[1], each[2], probes[each[1].name]), waiting)
        for (at, _, _), check in zip(waiting, answers, strict=True):
            found[at] = check
    return found


def recorded_states() -> States:
    """`ops.sources`; empty where it cannot be read, which the check of the warehouse names."""
    try:
        return read_states(wait_s=1.0)
    except WarehouseError:
        return {}


def needed_variables() -> Iterator[str]:
    """The variables without which a source is off."""
    for name in NAMES:
        for names in source(name).required:
            yield from names.split(" or ")


def _settings(one: SourceSettings, client_id: str, states: States) -> Check:
    """The check of the variables alone; `ok` means that a call can be made."""
    whose = f"{one.name} for client {client_id}"
    scope = {"client": client_id, "source": one.name}
    state = states.get((client_id, one.name))
    names = [name for names in one.required for name in names.split(" or ")]
    declared = getattr(sources.declared(one.name), "VARIABLES", {})
    try:
        missing = missing_variables(one, client_id)
        if state and state.state == "paused":
            return Check(one.name, "off", f"{whose} is {state.pause_text()}", **scope)
        if missing:
            return _missing(one, client_id, missing, bool(state and state.state == "on"))
        if wrong := variables.broken(list(declared), client_id):
            said = f"{whose} cannot work: {', '.join(wrong)} is wrong"
            return Check(one.name, "fault", said, "Fix it as described above.", **scope)
        one.account(client_id)
        one.chosen(client_id)
    except SignalRoomError as error:
        message, repair = split(error)
        if not any(name in message for name in names) and whose not in message:
            message = f"{whose}: {message}"
        return Check(one.name, "fault", message, repair, **scope)
    return Check(one.name, "ok", f"{whose} is set up, not checked", **scope)


def _missing(one: SourceSettings, client_id: str, missing: list[str], is_on: bool) -> Check:
    names = ", ".join(missing)
    whose = f"{one.name} for client {client_id}"
    scope = {"client": client_id, "source": one.name}
    if is_on:
        said = f"{whose} is on, and {names} is not set"
        repair = f"Set it, or `signalroom pause {one.name} --client {client_id}`."
        return Check(one.name, "fault", said, repair, **scope)
    own = [
        name
        for names in one.required
        for name in names.split(" or ")
        if settings.variable(name, client_id) and not settings.is_shared(name)
    ]
    repair = f"Set {names}."
    if own:
        said = f"{whose} is off: {own[0]} is set, {names} is not"
        return Check(one.name, "warning", said, repair, **scope)
    return Check(one.name, "off", f"{whose} is off: {names} not set", repair, **scope)


def _probe(name: str) -> Probe | None:
    if not (root() / "ingest" / "sources" / name / "probe.py").exists():
        return None
    probe: Probe = import_module(f"ingest.sources.{name}.probe").probe
    return probe


def _ask(one: SourceSettings, client_id: str, probe: Probe | None) -> Check:
    whose = f"{one.name} for client {client_id}"
    scope = {"client": client_id, "source": one.name}
    if probe is None:
        return Check(one.name, "ok", f"{whose} is set up; it has no probe", **scope)
    day = clock.yesterday()
    pull = Pull(client_id, Window(day, day), clock.now(), one.chosen(client_id), source=one.name)
    try:
        with no_longer_than(PATIENCE_S):
            limits = probe(pull)
    except DeferredError as error:
        return Check(one.name, "warning", split(error)[0], "Ask again later.", **scope)
    except (CredentialsError, AnswerError, ConfigurationError) as error:
        message, repair = split(error)
        names = [name for either in one.required for name in either.split(" or ")]
        if isinstance(error, CredentialsError) and not any(name in repair for name in names):
            repair = f"Check {', '.join(names)} in .env."
        return Check(one.name, "fault", message, repair, **scope)
    except SourceError as error:
        message = split(error)[0].removeprefix(f"{whose}: ")
        repair = "Check the address and the network, then ask again."
        return Check(one.name, "fault", f"{whose} {UNREACHED}: {message}", repair, **scope)
    except Exception as error:
        return Check(one.name, "fault", f"{whose}: {explained(error)}", **scope)
    if limits:
        return Check(one.name, "warning", f"{whose} answers, but {'; '.join(limits)}", **scope)
    return Check(one.name, "ok", f"{whose} is connected", **scope)
