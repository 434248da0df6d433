"""For analysts: `make diff` and `make state`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice

import click

from signalroom import paths
from signalroom.errors import SignalRoomError
from signalroom.plural import counted
from transform import client_files
from transform.compare import MartDiff, compare
from transform.dev import branch


@click.group()
def analysts() -> None:
    """Compare the models of this folder with those of another commit."""


@analysts.command()
@click.option("--base", default="main", help="Branch or commit to compare with.")
@click.option("--limit", default=8, help="Rows to show of each mart.")
def diff(base: str, limit: int) -> None:
    """Build the marts of BASE and of this folder on the same simulated data; show what differs."""
    mistakes = [str(mistake) for mistake in client_files.check() if mistake.spoils_file]
    if mistakes:
        raise SignalRoomError("\n".join(mistakes))
    branch.install_packages(paths.root())
    commit = branch.commit_of(base)
    tree = branch.tree_of(commit)
    click.echo("Loading the simulated agency's data, unless already loaded ...", err=True)
    raw = branch.loaded_data()
    click.echo(f"Building the marts of {base} ({commit[:7]}) and of this folder ...", err=True)
    with ThreadPoolExecutor(2) as both:
        before = both.submit(branch.built_base, tree, raw)
        after = both.submit(branch.built, paths.root(), raw, branch.folder() / "here")
        found = compare(before.result(), after.result())
    for line in lines_of(found, limit):
        click.echo(line)


@analysts.command()
@click.option("--base", default="main", help="Branch or commit whose state is saved.")
def state(base: str) -> None:
    """Save the state of BASE's models, for `dbt build -s state:modified+`."""
    commit = branch.commit_of(base)
    place = paths.root() / "target" / "state"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(branch.manifest_of(branch.tree_of(commit)), place)
    click.echo(
        f"Saved the state of {base} ({commit[:7]}). To build what differs and what depends on it:\n"
        f"  .venv/bin/dbt build -s state:modified+ --state {place.relative_to(paths.root())}"
    )


def lines_of(found: Iterable[MartDiff], limit: int) -> Iterator[str]:
    """The differences as lines for a terminal."""
    marts = list(found)
    for mart in marts:
        if mart.changed:
            yield from _lines_of(mart, limit)
    same = [
        f"{mart.name} ({counted(mart.rows_after, 'row')})" for mart in marts if not mart.changed
    ]
    if same:
        yield f"Unchanged: {', '.join(same)}"
    if len(same) == len(marts):
        yield (
            "No cell of the marts differs. Either the edit changes no result, or the simulated "
            "data has no such case; a unit test can hold one."
        )


def _lines_of(mart: MartDiff, limit: int) -> Iterator[str]:
    rows = {cell.key for cell in mart.cells}
    where = f"changed in {counted(len(rows), 'row')}"
    parts = (
        (len(mart.added), "row added", "rows added"),
        (len(mart.removed), "row removed", "rows removed"),
        (len(mart.cells), f"cell {where}", f"cells {where}"),
    )
    said = [*mart.shape, *(counted(*part) for part in parts if part[0])]
    yield f"marts.{mart.name} ({counted(mart.rows_after, 'row')}): {', '.join(said)}"
    for sign, keys in (("+", mart.added), ("-", mart.removed)):
        yield from (f"  {sign} {_key(key)}" for key in keys[:limit])
        yield from _more(len(keys), limit, "such rows")
    by_row = groupby(mart.cells, lambda cell: cell.key)
    for key, cells in islice(by_row, limit):
        yield f"  ~ {_key(key)}"
        yield from (f"      {cell.column}: {cell.before} -> {cell.after}" for cell in cells)
    yield from _more(len(rows), limit, "changed rows")
    yield from (f"  sum of {column}: {old} -> {new}" for column, old, new in mart.sums)
    yield ""


def _key(key: tuple[str, ...]) -> str:
    return " | ".join(key)


def _more(number: int, limit: int, what: str) -> Iterator[str]:
    if number > limit:
        yield f"  ... {number - limit:,} more {what}; --limit shows more"


def main() -> None:
    """Run; one readable line for each failure."""
    try:
        analysts(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SignalRoomError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
