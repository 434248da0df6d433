"""Makes commands announce which stage they are in, so that the chaos run can aim its kills.

Python finds it on PYTHONPATH before the guard of tests/support/offline, which it also runs. Wrapped
functions behave as usual; before each call a file with the stage is written.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import runpy
import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

# module -> function -> stage that starts with it
STAGES = {
    "ingest.pull": {"_run_extract": "extract", "_normalize_and_load": "load"},
    "dlt.destinations.job_client_impl": {"SqlLoadJob.run": "merge"},
    "transform.build": {"_run": "dbt"},
    "scheduler.steps.report": {"render_report": "render"},
    "reports.delivery.attempts": {"_attempt": "send"},
}


def announce(stage: str) -> None:
    """Announce this process's stage."""
    folder = Path(os.environ["SIGNALROOM_HOME"], "stages")
    folder.mkdir(exist_ok=True)
    written = folder / f".{os.getpid()}.{threading.get_ident()}"  # sources are pulled in parallel
    written.write_text(stage, encoding="utf-8")
    written.replace(folder / str(os.getpid()))


def announcing(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        announce(stage)
        return function(*args, **kwargs)

    return wrapped


def listen(module: ModuleType) -> None:
    """Wrap the functions that start a stage."""
    for name, stage in STAGES[module.__name__].items():
        owner: Any = module
        *path, last = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        setattr(owner, last, announcing(getattr(owner, last), stage))


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as usual, and wraps the functions of those that have stages."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in STAGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                listen(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if "SIGNALROOM_HOME" in os.environ:
    sys.meta_path.insert(0, Finder())
runpy.run_path(str(Path(__file__).parents[2] / "support" / "offline" / "sitecustomize.py"))
