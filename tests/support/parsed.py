"""Saves dbt from parsing the whole project in each new home: an earlier parse is copied there.

dbt parses every file again when the connection or a variable of dbt_project.yml has another value,
because SQL may refer to them; in a new home nothing has been parsed at all. Among tests only the
names of home and database differ, so later commands reuse what the first one parsed, with their
own names. dbt still compares every file, and parses again what changed. Processes of one test run
find each other's parse results in the folder that `share` names.
"""

from __future__ import annotations

import hashlib
import json
import os
import pprint
from argparse import Namespace
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgpack
import yaml

FILE = "partial_parse.msgpack"
HOME, DATABASE, PACKAGES, ROLE = (
    "SIGNALROOM_HOME",
    "SUPABASE_DB_NAME",
    "SIGNALROOM_CLIENT_PACKAGES",
    "SIGNALROOM_REPORT_ROLE",
)
# dbt's message when it considers the connection different.
REFUSED = "Unable to do partial parsing because profile has changed"
NOT_SET = "DBT_DEFAULT_PLACEHOLDER"
ROOT = Path(__file__).resolve().parents[2]
Names = tuple[str, str, str]
_first: dict[str, tuple[bytes, Names]] = {}
_shared: list[Path] = []
# The connection and variables for which each artifact folder was last parsed.
_parsed_for: dict[Path, tuple[str, str]] = {}


def share(folder: Path) -> None:
    """Also keep parse results in a folder that the other processes of the test run read."""
    folder.mkdir(exist_ok=True)
    _shared[:] = [folder]


def before_product(environment: Mapping[str, str]) -> None:
    """The same for a product build in the home of `environment`, if there is one."""
    if Path(environment.get(HOME) or NOT_SET).is_dir():
        lay_out(ROOT, *_of_product(environment))


def after_product(environment: Mapping[str, str]) -> None:
    """The same for a product build in the home of `environment`."""
    if environment.get(HOME):
        keep(ROOT, *_of_product(environment))


def lay_out(project: Path, target: Path, environment: Mapping[str, str]) -> None:
    """Before dbt runs in `project`: copy an earlier command's parse result, with this one's names.

    `target` is the folder of dbt's artifacts; `environment` is dbt's own.
    """
    known = _known(_kind(environment))
    if known is None or not environment.get(HOME):
        return
    content, there = known
    here = _names(project, environment)
    compared = _compared(project, environment)
    if _parsed_for.get(target) == compared and (target / FILE).exists():
        return
    parsed = msgpack.unpackb(content, strict_map_key=False)
    for old, new in zip(there, here, strict=True):
        parsed = _renamed(parsed, old, new) if old and new and old != new else parsed
    state = parsed["state_check"]
    state["profile_hash"]["checksum"] = _digest(compared[0])
    state["project_env_vars_hash"]["checksum"] = _digest(compared[1])
    target.mkdir(parents=True, exist_ok=True)
    (target / FILE).write_bytes(msgpack.packb(parsed))
    _parsed_for[target] = compared


def keep(project: Path, target: Path, environment: Mapping[str, str]) -> None:
    """After dbt ran: keep what the first command on an engine parsed."""
    path = target / FILE
    _parsed_for.pop(target, None)
    if environment.get(HOME) and path.exists():
        _parsed_for[target] = _compared(project, environment)
        kind = _kind(environment)
        if _known(kind) is None:
            _first[kind] = path.read_bytes(), _names(project, environment)
            for folder in _shared:
                unfinished = folder / f"{kind}.{os.getpid()}"
                unfinished.write_bytes(msgpack.packb(_first[kind]))
                unfinished.replace(folder / kind)


def _of_product(environment: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    folder = Path(environment[HOME]) / "dbt"
    role = environment.get(ROLE) or "signalroom_report"
    return folder / "target", {**environment, PACKAGES: str(folder / "packages"), ROLE: role}


def _known(kind: str) -> tuple[bytes, Names] | None:
    for folder in _shared:
        if kind not in _first and (folder / kind).exists():
            content, names = msgpack.unpackb((folder / kind).read_bytes())
            _first[kind] = content, tuple(names)
    return _first.get(kind)


def _kind(environment: Mapping[str, str]) -> str:
    """What the parse result depends on: the product's or plain packages, engine and report role."""
    packages = "product" if PACKAGES in environment else "plain"
    engine = environment.get("SIGNALROOM_TARGET") or "duckdb"
    return f"{packages}-{engine}-{environment.get(ROLE, '')}"


def _names(project: Path, environment: Mapping[str, str]) -> Names:
    return environment[HOME], environment.get(DATABASE, ""), str(project)


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_renamed(one, old, new) for one in value]
    if isinstance(value, dict):
        return {key: _renamed(one, old, new) for key, one in value.items()}
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _compared(project: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """What dbt hashes: the connection, and the variables of dbt_project.yml."""
    used = {
        name: value
        for name, value in environment.items()
        if name in ("SIGNALROOM_TARGET", HOME) or name.startswith("SUPABASE_DB_")
    }
    variables = "".join(f"{name}:{environment.get(name, NOT_SET)}|" for name in (PACKAGES, ROLE))
    return _rendered(project / "profiles.yml", json.dumps(used)), variables


@lru_cache
def _rendered(profiles: Path, variables: str) -> str:
    from dbt.config.profile import Profile
    from dbt.config.renderer import ProfileRenderer
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    set_from_args(Namespace(), {})
    set_invocation_context(json.loads(variables))
    profile = yaml.safe_load(profiles.read_text(encoding="utf-8"))["signalroom"]
    name, data = Profile.render_profile(profile, "signalroom", None, ProfileRenderer({}))
    del data["threads"]
    credentials = Profile._credentials_from_profile(data, "signalroom", name)
    return pprint.pformat(sorted(credentials.connection_info()))
