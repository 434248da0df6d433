"""How the product builds: clients' files, dbt as a child process, its results.

dbt runs under the warehouse's lock and in a controlled environment, so that nothing in the user's
shell changes what is built. On PostgreSQL a load may end while a build runs; raw then differs from
the tables built before, and the tests that compare them fail. Such a build is repeated for what the
load changed, at most twice; the second time no load may begin before it is done.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from signalroom import clock, paths, secrets, settings, sources, tracing
from signalroom.errors import TransformError, WarehouseError
from signalroom.kept_open import kept_open
from signalroom.lock import hold, is_held
from signalroom.logs import mask
from signalroom.progress import Silent, Step
from signalroom.warehouse import read, schema
from transform import changed, dbt_process
from transform.client_files.packages import prepare
from transform.history import record_nodes
from transform.publish import publish

log = logging.getLogger(__name__)
DATA_ONLY = ("--exclude-resource-type", "unit_test")
FAILED = ("error", "fail", "runtime error", "partial success")
REPEATS = 2
UNKNOWN_LABELS = """
select
    ledger._client_id, mappings.line_number, ledger.affiliate_label, ledger.source_name,
    sum(ledger.redtrack_cost) as cost
from int_performance__ledger as ledger
inner join {staging}.stg_clients__internal_affiliates as mappings
    on
        ledger._client_id = mappings._client_id
        and ledger.source_id = mappings.source_id
        and ledger.date between mappings.valid_from and mappings.valid_to
where
    ledger.source = 'redtrack' and not ledger.is_unmapped and ledger.affiliate_id is null
    and ledger.redtrack_cost > 0
    and ledger.date > (select max(date) from int_performance__ledger) - 7
    and ledger._client_id in (
        select _client_id from int_performance__ledger where source = 'everflow'
    )
    and not exists (
        select 1 from {staging}.stg_everflow__affiliates as listed
        where
            listed._client_id = ledger._client_id
            and lower(listed.affiliate_label) = lower(ledger.affiliate_label)
    )
group by 1, 2, 3, 4
order by 1, 2, 3, 4
"""


@dataclass
class BuildResult:
    """What a build did: nodes built, tests passed; warnings and failures, one line each.

    `failures` include the clients' files that could not be used; `warnings` include lines of such
    files that count as unmapped, and labels that Everflow does not know. `is_current`: nothing had
    changed since the last build, so nothing was built. `kinds` are the total seconds that dbt's
    models, seeds and tests took, by kind.
    """

    models: int = 0
    tests: int = 0
    skipped: int = 0
    warned: int = 0
    failed: int = 0
    repeats: int = 0
    seconds: float = 0.0
    kinds: dict[str, float] = field(default_factory=dict)
    is_current: bool = False
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def build(
    arguments: Sequence[str] = (),
    step: Step | None = None,
    only_changed: bool = False,
    then: Callable[[BuildResult], None] = lambda _: None,
) -> BuildResult:
    """`dbt build` with extra dbt arguments; the marts keep their rows if a test fails.

    `only_changed` skips what cannot differ from the last full build (transform/changed.py). `then`
    reads the result before any load may begin on the embedded warehouse.

    Without arguments unit tests are skipped: they test the SQL, which new data does not change, and
    take as long as everything else. Plain `dbt build` and `make test` run them.

    Raises TransformError when dbt cannot even start its work, WarehouseError when another process
    writes to the warehouse. Failed models, tests and client files are in the result.
    """
    started = time.monotonic()
    with hold("dbt build"), dbt_process.standby():
        if settings.target() == "postgres":
            settings.report_role()  # checked before it is granted the marts
        with kept_open():  # names the process that has the file open; dbt would retry for minutes
            files = prepare()
        if arguments:
            if not settings.schema_prefix():
                changed.forget()
            nodes = _settled(arguments, files.folder, step or Silent())
        else:
            nodes = _build_all(files.folder, step or Silent(), only_changed)
        with kept_open():
            if not settings.schema_prefix():
                record_nodes(nodes.results, {name: _test_name(name) for name in nodes.results})
            result = _result(nodes)
            result.is_current = nodes.is_current
            if settings.target() == "duckdb" and result.models:
                publish()
            result.failures[:0] = [str(one) for one in files.mistakes if one.spoils_file]
            result.warnings[:0] = [str(one) for one in files.mistakes if not one.spoils_file]
            result.warnings += unknown_labels()
            result.seconds = time.monotonic() - started
            then(result)
    return result


def unknown_labels() -> list[str]:
    """Lines whose label Everflow does not know, but whose source has spend: typos, renames.

    One line of text each, for the last seven days; none before the first build.
    """
    try:
        sql = UNKNOWN_LABELS.replace("{staging}", schema("staging"))
        rows = read(sql, within="intermediate")
    except WarehouseError:
        return []
    return [
        f"data/clients/{row['_client_id']}/mappings/internal-affiliates.csv"
        + (f":{row['line_number']}" if row["line_number"] else "")
        + f": Everflow knows no affiliate '{row['affiliate_label']}', and {row['source_name']} "
        f"spent ${row['cost']:,.2f} for it in the last 7 days; check the label's spelling."
        for row in rows
    ]


@dataclass
class _Nodes:
    """The results of the nodes of one or more dbt runs, by unique id; the latest run counts."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    is_current: bool = False

    @property
    def has_failed(self) -> bool:
        return any(result["status"] in FAILED for result in self.results.values())

    @property
    def has_warned(self) -> bool:
        return any(result["status"] == "warn" for result in self.results.values())


def _build_all(packages: Path, step: Step, only_changed: bool) -> _Nodes:
    """Build everything, or what changed since the last successful build, which may be nothing."""
    if settings.schema_prefix():  # an analyst's own schemas, for which nothing is recorded
        return _settled(DATA_ONLY, packages, step)
    chosen: tuple[str, ...] = DATA_ONLY
    with kept_open():
        found = changed.inputs(packages)
        selected = changed.selection(found) if only_changed else None
        if selected == []:
            return _Nodes(is_current=True)
        if selected is not None:
            views = changed.VIEWS_STAY if changed.has_same_columns(found) else ()
            chosen = (*DATA_ONLY, *views, "--select", *selected, changed.ALONGSIDE)
        if changed.must_refresh(found):
            chosen = (*DATA_ONLY, "--full-refresh")
        changed.forget()
    nodes = _settled(chosen, packages, step)
    if not nodes.has_failed:
        with kept_open():
            # a warning is resolved only when its test passes: the next build runs every test
            changed.record(found, is_complete=not nodes.has_warned)
    return nodes


def _settled(arguments: Sequence[str], packages: Path, step: Step) -> _Nodes:
    """Build; while tests fail because a load changed raw meanwhile, repeat what changed."""
    before = _load_times()
    nodes = _run(["build", *arguments], packages, step)
    moved: set[str] = set()
    while nodes.has_failed and nodes.repeats < REPEATS:
        # in this order, as a load may end in between
        moved |= _loading() | _loaded_between(before, _load_times())
        if not moved:
            break
        nodes.repeats += 1
        with ExitStack() as locks:
            if nodes.repeats == REPEATS:  # for every source: the tests compare the others as well
                loads = [f"ingest {source}" for source in sources.names()]
                try:
                    locks.enter_context(hold(*loads, whose="dbt build"))
                except WarehouseError as error:  # the failures so far are the result
                    log.warning("not built again: %s", error)
                    break
            now = _load_times()
            moved, before = moved | _loaded_between(before, now), now
            repeated = _run(["build", *_with_moved(arguments, moved)], packages, step)
        nodes.results |= repeated.results
        nodes.paths |= repeated.paths
    return nodes


def _with_moved(arguments: Sequence[str], moved: set[str]) -> Sequence[str]:
    """What to build again: the user's selection, or what changed and what loads changed since."""
    sources = [f"source:{source}+" for source in sorted(moved)]
    if tuple(arguments[: len(DATA_ONLY)]) == DATA_ONLY:
        # a load may add columns, or the table itself, and its view must include them
        with_views = [one for one in arguments if one not in changed.VIEWS_STAY]
        return (*with_views, *([] if "--select" in arguments else ["--select"]), *sources)
    if "--select" in arguments or "-s" in arguments:
        return arguments
    return (*arguments, "--select", *sources)


def _load_times() -> dict[str, datetime]:
    """When each source was last loaded; on DuckDB no load runs during a build."""
    if settings.target() == "duckdb":
        return {}
    rows = read("select source, max(loaded_at) as at from control_totals group by 1", within="ops")
    return {row["source"]: row["at"] for row in rows}


def _loaded_between(before: Mapping[str, datetime], now: Mapping[str, datetime]) -> set[str]:
    """The sources that were loaded in between, given their times then and now."""
    return {source for source, at in now.items() if at != before.get(source)}


def _loading() -> set[str]:
    """The sources that are being loaded, perhaps for the first time."""
    if settings.target() == "duckdb":
        return set()
    return {source for source in sources.names() if is_held(f"ingest {source}")}


def run_scratch(arguments: Sequence[str], packages: Path, home: Path) -> BuildResult:
    """dbt on a separate DuckDB file, `home/warehouse.duckdb`; the warehouse is not touched."""
    own = {
        "SIGNALROOM_TARGET": "duckdb",
        "SIGNALROOM_HOME": paths.home_for_dbt(home),
        "SIGNALROOM_SCHEMA_PREFIX": "",
    }
    return _result(_run(arguments, packages, Silent(), home, own))


def _run(
    arguments: Sequence[str],
    packages: Path,
    step: Step,
    home: Path | None = None,
    own: Mapping[str, str] | None = None,
) -> _Nodes:
    """Run dbt once; TransformError if it ends without having built anything."""
    target = _folder("target", home)
    (target / "run_results.json").unlink(missing_ok=True)
    folders = ["--target-path", str(target), "--log-path", str(_folder("logs", home))]
    environment = {**_environment(packages), **(own or {})}
    with dbt_process.run([*arguments, *folders], environment) as process:
        last_error, paths = "", {}
        try:
            for line in process.stdout or ():
                event = _follow(line, step)
                last_error = _one_line(event.get("error", "")) or last_error
                paths.update(event.get("paths", {}))
        except BaseException:  # Ctrl-C, or the lock was lost: dbt must not go on without it
            process.kill()
            raise
    nodes = _Nodes(_read_results(target), paths)
    if process.returncode and not nodes.has_failed:
        raise TransformError(f"dbt {arguments[0]} failed: {last_error or 'it gave no reason'}")
    return nodes


def _follow(line: str, step: Step) -> dict[str, Any]:
    """Show what goes on; returns what was reported."""
    try:
        event: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
    except ValueError:  # printed by a macro or a library
        return {}
    if not event and "Error: " in line:  # why dbt could not start
        return {"error": line.removeprefix("Error: ")}
    if "description" in event:
        step.say(event["description"].removeprefix("sql "))
    elif event.get("total"):  # exposures, which dbt passes over, have none
        step.advance(event["index"], event["total"])
    return event


def _read_results(target: Path) -> dict[str, dict[str, Any]]:
    """dbt's own account of a run; nothing where it did not come to run."""
    try:
        results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    except FileNotFoundError:
        return {}
    _trace(results)
    return {result["unique_id"]: result for result in results}


def _trace(results: Sequence[Mapping[str, Any]]) -> None:
    """A span for each node, as dbt timed it."""
    for result in results:
        for part in result.get("timing") or ():
            if part["name"] == "execute" and part["started_at"] and part["completed_at"]:
                begun, ended = (
                    datetime.fromisoformat(part[name]) for name in ("started_at", "completed_at")
                )
                failed = "failed" if result["status"] in FAILED else ""
                tracing.record("dbt node", begun, ended, failed, node=result["unique_id"])


def _result(nodes: _Nodes) -> BuildResult:
    result = BuildResult(repeats=nodes.repeats)
    for name, node in nodes.results.items():
        kind, status = name.split(".", 1)[0], node["status"]
        result.kinds[kind] = result.kinds.get(kind, 0.0) + float(node.get("execution_time") or 0)
        result.failed += status in FAILED
        result.warned += status == "warn"
        shown = f"dbt test {_test_name(name)} ({nodes.paths.get(name, '')})"
        if status == "skipped":
            result.skipped += 1
        elif status == "warn":
            result.warnings.append(f"{shown} warns")
        elif status == "fail":
            found = (node["message"] or "").split(",")[0].removeprefix("Got ")
            result.failures.append(f"{shown} fails: {found}")
        elif status in FAILED:
            result.failures.append(_one_line(node["message"] or f"{name} failed"))
        elif kind == "model":
            result.models += 1
        elif kind in ("test", "unit_test"):
            result.tests += 1
    return result


def _test_name(unique_id: str) -> str:
    """A generic test has a hash after its name."""
    parts = unique_id.split(".")
    return parts[2] if parts[0] == "test" else parts[-1]


def _one_line(text: str) -> str:
    return mask(" ".join(text.split()).removeprefix("Encountered an error: "))[:300]


def _folder(name: str, home: Path | None = None) -> Path:
    """dbt's folders for builds of the product, separate from an analyst's `target/`."""
    path = (home or paths.home()) / "dbt" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def _environment(packages: Path) -> dict[str, str]:
    """The environment for dbt: no secret but the database's password, no DBT_* of the shell.

    Defaults that profiles.yml does not have are set explicitly.
    """
    names = ("SUPABASE_DB_PORT", "SUPABASE_DB_NAME", "SIGNALROOM_TIMEZONE")
    known = {name: settings.variable(name) for name in (*names, "SIGNALROOM_REPORT_ROLE")}
    ours = secrets.environment({"SUPABASE_DB_PASSWORD"})
    return {
        **{name: value for name, value in ours.items() if not name.startswith("DBT_")},
        **{name: value for name, value in known.items() if value},
        "SIGNALROOM_TARGET": settings.target(),
        "SIGNALROOM_HOME": paths.home_for_dbt(paths.home()),
        "SIGNALROOM_CLIENT_PACKAGES": str(packages),
        "SIGNALROOM_BUILD_AT": clock.now().isoformat(),
        "DBT_PROFILES_DIR": str(paths.root()),
        "DBT_PROJECT_DIR": str(paths.root()),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }
