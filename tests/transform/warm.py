"""One process that has dbt imported, and forks itself for each command: the import is two seconds.

`python warm.py` reads orders from its input, one a line as JSON: the command's arguments, folder,
environment, and the file for what it says. It answers each with the command's exit code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# After these commands a test reads the manifest; the others write it twice, a second each time.
READ_IT = {"parse", "docs"}


def spare_the_manifest() -> None:
    """Have this process write no manifest.json."""
    from dbt.parser import manifest
    from dbt.task import runnable

    for module in (manifest, runnable):
        module.write_manifest = lambda *_: None  # type: ignore[attr-defined]


def serve() -> None:
    """Obey orders until the input ends."""
    import dbt.adapters.duckdb
    import dbt.adapters.postgres  # noqa: F401
    from dbt.cli.main import cli

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(obey(cli, order))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def obey(cli: Any, order: dict[str, Any]) -> int:
    """Become the command; gives its exit code."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["dbt", *order["arguments"]]
    if not READ_IT & set(order["arguments"]):
        spare_the_manifest()
    # the tracker of semaphores hears nothing of the end of a fork, and complains in its output
    sys.warnoptions = ["ignore:resource_tracker"]
    try:
        cli(order["arguments"])
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve()
