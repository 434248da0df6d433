"""Display of long work: live progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from datetime import date
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from cli.lines import say, wrapped
from ingest.registry import NAMES
from signalroom.closest import did_you_mean
from signalroom.logs import mask
from signalroom.progress import Silent, Step


class Day(click.ParamType[date]):
    """A business day, written YYYY-MM-DD, `today` or `yesterday`."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from signalroom import clock

        if isinstance(value, date):
            return value
        if value in ("today", "yesterday"):
            return clock.today() if value == "today" else clock.yesterday()
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid date; write it as 2026-11-18.", param, ctx)


DAY = Day()

clients = click.option(
    "--client", "clients", multiple=True, metavar="ID", help="Only this client; repeatable."
)


log = logging.getLogger(__name__)
GOOD, BAD, NOTE = "[green]✓[/]", "[red]✗[/]", "[yellow]•[/]"


def no_such(what: str, given: str, known: Iterable[str]) -> click.UsageError:
    """The error for a name that does not exist, with the closest one that does."""
    names = list(known)
    said = did_you_mean(given, names)
    line = f"No {what} is called {given!r}. {said}There are: {', '.join(names)}."
    return click.UsageError(line, click.get_current_context(silent=True))


class Known(click.Choice[str]):
    """A choice whose error names the closest one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return no_such(self.name, str(value), self.choices).message


class SourceName(Known):
    """The name of a source."""

    name = "source"


SOURCE = SourceName(NAMES)


class PlainStep:
    """A step without a terminal: a line when it ends."""

    def __init__(self, title: str) -> None:
        self._title = title

    def say(self, text: str) -> None:
        """No output: a log needs results, not every update."""

    def advance(self, done: int, total: int) -> None:
        """No output, as above."""

    def finish(self, text: str) -> None:
        click.echo(mask(f"done    {self._title}: {text}"))

    def fail(self, text: str) -> None:
        """That it failed; the command itself prints the reason on stderr."""
        click.echo(f"FAILED  {self._title}")


class LoggedStep(PlainStep):
    """A step of a scheduler's run: lines of its log, while stdout has the results."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        log.info("%s begins", title)

    def finish(self, text: str) -> None:
        log.info("%s: %s", self._title, text)

    def fail(self, text: str) -> None:
        log.error("%s failed: %s", self._title, text)


class LiveStep:
    """A step on a terminal: spinner, bar, current action, time."""

    def __init__(self, live: Progress, title: str) -> None:
        self._live = live
        self._title = title
        self._task: TaskID = live.add_task(title, total=None, note="")

    def say(self, text: str) -> None:
        self._live.update(self._task, note=escape(mask(text)))

    def advance(self, done: int, total: int) -> None:
        self._live.update(self._task, completed=done, total=total)

    def finish(self, text: str) -> None:
        self._end(GOOD, text)

    def fail(self, text: str) -> None:
        self._end(BAD, "failed")

    def _end(self, mark: str, text: str) -> None:
        seconds = self._live.tasks[self._live.task_ids.index(self._task)].elapsed or 0
        self._live.remove_task(self._task)
        self._live.console.print(
            f"{mark} {escape(self._title)}: {escape(mask(text))} [dim]{seconds:.1f} s[/]",
            highlight=False,
        )


class Display:
    """Progress for people; use it as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Progress | None = None
        if sys.stdout.isatty() and not quiet:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", table_column=Column(no_wrap=True)),
                BarColumn(bar_width=10),
                TextColumn(
                    "[dim]{task.fields[note]}[/]",
                    table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
                ),
                TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
                console=Console(),
                transient=True,
                expand=True,
            )

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def step(self, title: str) -> Step:
        """Begin a step."""
        if self._quiet:
            return LoggedStep(title) if os.environ.get("SIGNALROOM_RUN_ID") else Silent()
        return LiveStep(self._live, title) if self._live else PlainStep(title)

    def note(self, text: str) -> None:
        """A separate line."""
        if self._live:
            line = wrapped(f"• {mask(text)}", indent="  ")
            self._live.console.print(f"{NOTE}{escape(line[1:])}", highlight=False, soft_wrap=True)
        elif not self._quiet:
            click.echo(mask(f"note    {text}"))
        else:
            log.info("%s", text)


def complain(failures: Iterable[str]) -> None:
    """Print each failure on a separate line, on stderr."""
    for failure in failures:
        say(f"Error: {mask(failure)}", err=True)
