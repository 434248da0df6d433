"""Records the marts that reports read, from the simulated agency: `make record-marts`.

Runs a real load of every source that the reports need and a real `signalroom build`, then writes
one CSV per mart to reports/preview/marts, with as many days as the reports look back over.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

from reports.preview import recorded
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.house import recorded_from
from tests.support.processes import ROOT, signalroom_cli

NOW = datetime.fromisoformat(recorded.NOW).replace(tzinfo=BUSINESS_ZONE)
HISTORY_DAYS = 70
LOADS = (
    ("everflow", "--resource", "daily_stats"),
    ("redtrack", "--resource", "daily_spend"),
    ("s3_exports",),
)
DAYS = 31  # of daily_performance: the default range of a client's page
# Filters for marts that are recorded only in part; `today` is the date of NOW.
KEPT = {
    "daily_performance": f"date > today - {DAYS} and date < today",
    "affiliate_leaderboard": "period = 'last_7_days' and extract(isodow from period_end) = 7"
    " and period_end > today - 36",
    "state_performance": "order_date > today - 44 and order_date < today",
    "order_files": "file_date > today - 44",
}


def marts() -> list[str]:
    """The marts that an exposure names, which are those that reports read."""
    found: set[str] = set()
    for path in (ROOT / recorded.MODELS).glob("_*exposure*.yml"):
        for exposure in yaml.safe_load(path.read_text(encoding="utf-8"))["exposures"]:
            if "/query.sql" in exposure["description"]:
                found |= {text.split("'")[1] for text in exposure["depends_on"]}
    return sorted(found)


def load(home: Path) -> None:
    """Load and build in an empty home; RuntimeError with the output if a command fails."""
    with Agency(now=NOW, history_days=HISTORY_DAYS) as agency:
        env = {
            **agency.environment(),
            "SIGNALROOM_HOME": str(home),
            "SIGNALROOM_TARGET": "duckdb",
            "SIGNALROOM_SANDBOX": "1",
            "SIGNALROOM_NOW": recorded.NOW,
            "SIGNALROOM_HASH_SALT": "recorded",
        }
        window = ("--start", agency.first_day.isoformat(), "--end", f"{NOW:%Y-%m-%d}")
        commands = [("ingest", *command, *window) for command in LOADS]
        for command in (*commands, ("build",)):
            done = signalroom_cli(*command, env=env)
            if done.returncode:
                raise RuntimeError(f"signalroom {' '.join(command)}:\n{done.stdout}{done.stderr}")


def write(home: Path) -> None:
    """Write one CSV per mart, with the columns in the contract's order, and the fingerprints."""
    recorded.FOLDER.mkdir(exist_ok=True)
    for path in recorded.FOLDER.iterdir():
        path.unlink()
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in marts():
            columns = recorded.contract()[name]
            listed = ", ".join(_text(column, kind) for column, kind in columns.items())
            where = KEPT.get(name, "true").replace("today", f"date '{NOW:%Y-%m-%d}'")
            connection.execute(
                f'copy (select {listed} from marts."{name}" where {where} order by all) to '
                f"'{recorded.FOLDER / f'{name}.csv'}' (header, nullstr '')"
            )
    recorded_from.write()


def _text(column: str, kind: str) -> str:
    """A column as short text, without trailing zeros of decimals.

    Load times are from the real clock; all become NOW, so that equal rows give equal text.
    """
    if kind.startswith("timestamp"):
        return f"""case when "{column}" is not null then timestamptz '{NOW}' end as "{column}\""""
    if not kind.startswith("decimal"):
        return f'"{column}"'
    text = f'cast("{column}" as varchar)'
    return f"""regexp_replace(regexp_replace({text}, '0+$', ''), '[.]$', '') as "{column}\""""


def main() -> int:
    """Load, build, write."""
    with tempfile.TemporaryDirectory(prefix="signalroom-marts-") as folder:
        load(Path(folder))
        write(Path(folder))
    for name in recorded.names():
        path = recorded.FOLDER / f"{name}.csv"
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
