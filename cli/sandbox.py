"""`signalroom sandbox`: the simulated agency, and when other commands use it automatically."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import no_such

NEAR = timedelta(seconds=5)
WHAT = "What happens there: demo, messy, bad_morning, ...; see docs/development.md."
SCENARIO = "demo"  # one in which only a mapping gap deserves an alert

if TYPE_CHECKING:
    from signalroom.progress import Progress


@contextmanager
def simulated(wanted: bool | None, chosen: tuple[str, ...], progress: Progress) -> Iterator[None]:
    """Run the body against the simulated agency if requested, or if nothing is set up.

    Automatically only on the embedded warehouse, without credentials of any source, and never with
    real rows.
    """
    if wanted is False or (wanted is None and not _nothing_set_up(chosen)):
        move_demo_aside(progress.note)
        yield
        return
    with _agency() as agency:
        progress.note(
            "No credentials are set: this run uses the simulated agency (made-up data, local "
            "servers)."
            if wanted is None
            else "This run uses the simulated agency (made-up data, local servers)."
        )
        before = dict(os.environ)
        os.environ.update(environment_of(agency))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def move_demo_aside(say: Callable[[str], object]) -> None:
    """Make room for the first real rows: a folder with simulated ones is renamed."""
    from signalroom import demo_home, settings

    if settings.target() != "duckdb" or _nothing_set_up(()):
        return
    moved = demo_home.move_aside()
    if moved is not None:
        say(f"The demo's data is now in {moved.name}; real data goes into a new folder.")


def _agency(**options: object) -> Any:
    """The agency at business time: frozen or running like it."""
    from signalroom import clock

    is_frozen = bool(os.environ.get("SIGNALROOM_NOW", "").strip())
    usual = {"now": clock.now(), "speed": 0.0 if is_frozen else 1.0, "scenario": SCENARIO}
    return agency_class()(**usual | options)


def environment_of(agency: Any) -> dict[str, str]:
    """Variables that point SignalRoom at the agency; without a clock if it uses real time."""
    found: dict[str, str] = {**agency.environment(), "SIGNALROOM_SANDBOX": "1"}
    from signalroom import clock

    if agency.calendar.speed == 1.0 and abs(agency.now() - clock.instant()) < NEAR:
        for name in ("SIGNALROOM_NOW", "SIGNALROOM_CLOCK_FACTOR", "SIGNALROOM_CLOCK_SINCE"):
            del found[name]
    return found


def _nothing_set_up(chosen: tuple[str, ...]) -> bool:
    from ingest import pull as pipeline
    from ingest import registry
    from signalroom import clients, settings

    if settings.target() != "duckdb" or os.environ.get("SIGNALROOM_SANDBOX"):
        return False
    clients.active_clients(chosen)
    return not any(
        pipeline.is_on(registry.source(name), client.id)
        for name in registry.NAMES
        for client in clients.active_clients()
    )


def agency_class() -> type:
    """The simulated agency; ConfigurationError if it is not installed."""
    from signalroom.errors import ConfigurationError

    try:
        from sandbox import Agency
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The simulated agency is not installed (no {error.name}): `make install-dev`, or set "
            "the credentials of a source in .env."
        ) from None
    return Agency


@click.command()
@click.option("--port", default=0, help="First of the ports; default: free ones.")
@click.option("--seed", default=None, type=int, help="Another made-up agency.")
@click.option("--scenario", default=SCENARIO, show_default=True, help=WHAT)
@click.option("--speed", default=None, type=float, help="Simulated seconds per second; 0 holds.")
@click.option(
    "--truth", type=click.Path(file_okay=False, path_type=Path), help="Write the figures there."
)
def sandbox(
    port: int, seed: int | None, scenario: str, speed: float | None, truth: Path | None
) -> None:
    """The simulated agency: local servers that behave like every vendor.

    Prints the variables that point SignalRoom at it; put them into .env, or load them in another
    terminal, and try `signalroom run` there. It uses real time, or SIGNALROOM_NOW if that is set.
    Ends with Ctrl-C.
    """
    from signalroom.errors import SignalRoomError

    agency_class()
    from sandbox import SandboxError
    from sandbox.scenarios import SCENARIOS

    if scenario not in SCENARIOS:
        raise no_such("scenario", scenario, SCENARIOS)
    options: dict[str, object] = {"scenario": scenario}
    options |= {"speed": speed} if speed is not None else {}
    options |= {"seed": seed} if seed is not None else {}
    options |= {"port_base": port} if port else {}
    try:
        with _agency(**options) as agency:
            for name, value in environment_of(agency).items():
                click.echo(f"{name}={shlex.quote(value)}")
            if truth:
                for path in agency.write_truth(truth):
                    click.echo(f"wrote {path}", err=True)
            click.echo("The simulated agency is running; Ctrl-C ends it.", err=True)
            threading.Event().wait()
    except SandboxError as error:
        raise SignalRoomError(str(error)) from None
