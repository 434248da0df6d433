"""`signalroom demo`: a day at a simulated agency, faster than real time."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scheduler.schedule import Job

LOAD_LOG = "load.log"
MORNING = time_of_day(6, 30)
# The user's own accounts are never called: the demo only calls its own servers.
SILENT = ("HEARTBEAT_URL", "SIGNALROOM_PUBLIC_URL", "TEMPORAL_ADDRESS", "SIGNALROOM_SCHEMA_PREFIX",
          "SIGNALROOM_TRIGGER_TOKEN", "OTEL_EXPORTER_OTLP_ENDPOINT")  # fmt: skip
GIVE_UP_S = 3  # patience with a vendor that does not answer: outages last minutes here
STOP_S = 25
TURN_S = 0.2


@click.command()
@click.option("--speed", default=60.0, show_default=True, help="Business seconds per second.")
@click.option("--port", default=8080, show_default=True, help="Of the page; 0: a free one.")
@click.option("--open/--no-open", "is_opened", default=True, help="Open the page in a browser.")
def demo(speed: float, port: int, is_opened: bool) -> None:
    """Watch a day at a simulated agency: vendors, scheduler, page and inbox on one fast clock.

    Everything happens on this machine, in a separate folder; nothing is sent to anyone. Late
    conversions, a restated day and a vendor's outage occur automatically. Ends with Ctrl-C.
    """
    from cli.sandbox import SCENARIO, agency_class, environment_of
    from signalroom import clock
    from signalroom.errors import ConfigurationError

    if speed <= 0:
        raise click.BadParameter("must be more than 0", param_hint="--speed")
    today = clock.local_date(clock.instant())
    morning = datetime.combine(today, MORNING, clock.zone())
    home = _own_home()
    for name in (*SILENT, *_variables_of_sources()):
        os.environ[name] = ""
    os.environ |= {
        "SIGNALROOM_HOME": str(home), "SIGNALROOM_TARGET": "duckdb",
        "SIGNALROOM_CLIENTS": "713,cti", "SIGNALROOM_HTTP_MAX_WAIT_S": str(GIVE_UP_S),
        # allows actions; the page listens on loopback only
        "SIGNALROOM_WEB_TOKEN": secrets.token_hex(4),
    }  # fmt: skip
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    made = agency_class()(now=morning, scenario=SCENARIO, limit_speed=max(600.0, speed))
    with made as agency:
        click.echo(f"Loading five simulated weeks into {home.name} (a minute or two) ...")
        os.environ |= environment_of(agency)
        if not _load(home, stopping):
            if stopping.is_set():
                return
            raise ConfigurationError(f"The first load failed: see {home / LOAD_LOG}.")
        story = list(_story(agency, morning))
        agency.calendar.run(speed)
        os.environ |= environment_of(agency)
        with _scheduler(home, port) as (process, page):
            _greet(agency, home, page, speed)
            if _is_up(page, process, stopping) and is_opened:
                webbrowser.open(_signed_in(page))
            _watch(agency, process, story, stopping)
            if process.poll() is not None and not stopping.is_set():
                raise ConfigurationError(f"The scheduler ended: see {home / 'scheduler.log'}.")
    click.echo("The demo is over. `signalroom demo` starts another one.")


def _own_home() -> Path:
    """An empty folder next to the usual one; ConfigurationError if another demo runs there."""
    from filelock import FileLock, Timeout

    from signalroom import paths
    from signalroom.errors import ConfigurationError

    usual = paths.home()
    home = usual.with_name(f"{usual.name}-demo")
    if home.exists():
        try:
            with FileLock(home / "scheduler.lock", timeout=0):
                pass
        except Timeout:
            raise ConfigurationError(
                f"Another demo is running in {home.name}: end it first."
            ) from None
        if any(home.iterdir()) and not (home / LOAD_LOG).exists():
            raise ConfigurationError(f"{home} is not a demo's folder: move it away first.")
        shutil.rmtree(home)
    home.mkdir(parents=True)
    return home


def _variables_of_sources() -> Iterator[str]:
    """Variables that switch sources on: the agency sets those of its own sources."""
    from ingest import registry

    for name in registry.NAMES:
        for required in registry.source(name).required:
            for variable in required.split(" or "):
                yield from (variable, f"{variable}__CTI")


def _load(home: Path, stopping: threading.Event) -> bool:
    """Run the main job once, with the clock held; returns whether it succeeded."""
    with (home / LOAD_LOG).open("wb") as log, _command(["run", "--no-sandbox"], log) as process:
        while process.poll() is None:
            if stopping.wait(TURN_S):
                return False
        return process.returncode == 0


@contextmanager
def _command(arguments: list[str], log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A `signalroom` command of this installation, ended with the body."""
    from signalroom import child_process

    code = "from cli.main import command; command()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, child_process.PARENT: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _scheduler(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The scheduler on that port, or on a free one if it is taken; its page's URL."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        os.environ["PORT"] = str(probe.getsockname()[1])
    with (home / "scheduler.log").open("wb") as log, _command(["scheduler"], log) as process:
        yield process, f"http://127.0.0.1:{os.environ['PORT']}/"


def _is_up(page: str, process: subprocess.Popen[bytes], stopping: threading.Event) -> bool:
    """Wait for the page's first response; False if the scheduler or the demo ends."""
    import httpx

    while process.poll() is None and not stopping.wait(TURN_S):
        with suppress(httpx.HTTPError):
            return httpx.get(f"{page}health", timeout=5, trust_env=False).is_success
    return False


def _story(agency: Any, morning: datetime) -> Iterator[tuple[datetime, str]]:
    """The events planned for the day, with times; ten minutes at the default speed."""
    from sandbox.faults import EVER
    from sandbox.plans import Plan

    yesterday = morning.date() - timedelta(days=1)

    def at(hour: int, minute: int) -> datetime:
        return datetime.combine(morning.date(), time_of_day(hour, minute), morning.tzinfo)

    late, rewritten = at(8, 20), at(10, 20)
    log = agency.stage.world.day("713", yesterday)
    affiliate = next(cell.affiliate_id for cell in log.cells if cell.advertiser_id == 1)
    agency.plan(
        Plan("late_conversion", "713", yesterday, int(late.timestamp()), affiliate, 1, count=4)
    )
    yield late, "Everflow books four conversions of yesterday late"
    source = log.spend[0]
    agency.plan(
        Plan(
            "spend_rewrite", "713", yesterday, int(rewritten.timestamp()),
            source_id=source.source_id, cost=-source.costs[0].total / 5,
        )
    )  # fmt: skip
    yield rewritten, f"RedTrack restates yesterday's cost of {source.source_name.strip()}"
    down, up = at(11, 40), at(13, 20)
    agency.faults.plan("redtrack", "status", EVER, status=503, since=down, until=up)
    yield down, "RedTrack goes down"
    yield up, "RedTrack is back"


def _signed_in(page: str) -> str:
    """The page's URL with the token after the #, which a browser does not send."""
    return f"{page}#token={os.environ['SIGNALROOM_WEB_TOKEN']}"


def _greet(agency: Any, home: Path, page: str, speed: float) -> None:
    names = ("SIGNALROOM_HOME", "SIGNALROOM_NOW", "SIGNALROOM_CLOCK_FACTOR",
             "SIGNALROOM_CLOCK_SINCE", "SIGNALROOM_SANDBOX", "SIGNALROOM_TARGET")  # fmt: skip
    shared: Mapping[str, str] = {name: os.environ[name] for name in names}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in shared.items()]
    (home / "env.sh").write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"SIMULATED, {speed:g} times as fast as life. Nothing leaves this machine.")
    click.echo(f"  Page:   {_signed_in(page)}")
    click.echo("          It signs you in: run, pause or retry a job there.")
    click.echo(f"  Inbox:  {agency.control_url}/_sandbox/inbox")
    click.echo(f"  Look around in another terminal: . {shlex.quote(str(home / 'env.sh'))}")
    click.echo("  then `signalroom status`. Ctrl-C ends the demo.")


def _watch(
    agency: Any,
    process: subprocess.Popen[bytes],
    story: list[tuple[datetime, str]],
    stopping: threading.Event,
) -> None:
    """Print what happens and what is next, until the demo ends."""
    from scheduler.schedule import read_schedule
    from signalroom import clock

    jobs = read_schedule()
    seen, announced, shown = 0, "", 0.0
    while not stopping.wait(TURN_S) and process.poll() is None:
        now = clock.now()
        while story and story[0][0] <= now:
            at, text = story.pop(0)
            _say(at, text)
        messages = agency.messages
        for message in messages[seen:]:
            _say(message.at, _arrival(message))
        seen = len(messages)
        at, name = _next(jobs, story, now)
        left = (at - now).total_seconds() / agency.calendar.speed
        line = f"{_clock(at).strip()} {name}"
        if sys.stdout.isatty():
            if time.monotonic() - shown >= 1:
                click.echo(f"\r\x1b[KNext: {line} in {left:.0f} s", nl=False)
                shown = time.monotonic()
        elif line != announced:
            click.echo(f"Next: {line} in {left:.0f} s")
        announced = line


def _next(
    jobs: Sequence[Job], story: list[tuple[datetime, str]], now: datetime
) -> tuple[datetime, str]:
    from scheduler.schedule import next_due

    found = [(at, job.name.replace("_", " ")) for job in jobs if (at := next_due(job, now))]
    found += [(at, text) for at, text in story[:1]]
    return min(found)


def _arrival(message: Any) -> str:
    from sandbox.inbox import NAMES, title_of

    return f"{NAMES[message.channel]} to {', '.join(message.recipients)}: {title_of(message)[:90]}"


def _say(at: datetime, text: str) -> None:
    start = "\r\x1b[K" if sys.stdout.isatty() else ""
    click.echo(f"{start}{_clock(at)}  {text}")


def _clock(moment: datetime) -> str:
    from signalroom.times import clock_time

    return f"{clock_time(moment):>8}"
