"""`signalroom sandbox`: the simulated agency, and when other commands use it by themselves."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from signalroom.progress import Progress


@contextmanager
def simulated(wanted: bool | None, chosen: tuple[str, ...], progress: Progress) -> Iterator[None]:
    """Run the body against the simulated agency where that is wanted, or where nothing is set up.

    Unasked only on the embedded warehouse, without credentials of any source, and never beside
    real rows.
    """
    if wanted is False or (wanted is None and not _nothing_set_up(chosen)):
        yield
        return
    from signalroom import clock

    agency_class = _agency_class()
    frozen = os.environ.get("SIGNALROOM_NOW", "").strip()
    with agency_class(now=clock.now()) if frozen else agency_class() as agency:
        progress.note(
            "No credentials are set: this run uses the simulated agency (made-up data, local "
            "servers)."
            if wanted is None
            else "This run uses the simulated agency (made-up data, local servers)."
        )
        before = dict(os.environ)
        os.environ.update(agency.environment())
        os.environ["SIGNALROOM_SANDBOX"] = "1"
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


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


def _agency_class() -> type:
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
@click.option("--speed", default=0.0, help="Simulated seconds per second; 0 holds the time.")
@click.option(
    "--truth", type=click.Path(file_okay=False, path_type=Path), help="Write the figures there."
)
def sandbox(port: int, seed: int | None, speed: float, truth: Path | None) -> None:
    """The simulated agency: local servers that behave like every vendor.

    Prints the variables that point SignalRoom at it; put them into .env, or export them in another
    terminal, and try `signalroom run` there. Its time is SIGNALROOM_NOW, if that is set. Ends with
    Ctrl-C.
    """
    from signalroom import clock
    from signalroom.errors import SignalRoomError

    options: dict[str, object] = {"speed": speed}
    options |= {"seed": seed} if seed is not None else {}
    options |= {"port_base": port} if port else {}
    if os.environ.get("SIGNALROOM_NOW", "").strip():
        options["now"] = clock.now()
    agency_class = _agency_class()
    from sandbox import SandboxError

    try:
        with agency_class(**options) as agency:
            for name, value in {**agency.environment(), "SIGNALROOM_SANDBOX": "1"}.items():
                click.echo(f"{name}={value}")
            if truth:
                for path in agency.write_truth(truth):
                    click.echo(f"wrote {path}", err=True)
            click.echo("The simulated agency is running; Ctrl-C ends it.", err=True)
            threading.Event().wait()
    except SandboxError as error:
        raise SignalRoomError(str(error)) from None
