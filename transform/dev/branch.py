"""The dbt project of another commit, and builds of both on the same simulated data.

Everything is kept in SIGNALROOM_HOME/diff and recreated when missing: the loaded data, and the tree
and build of the last base commit.
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from signalroom import paths
from signalroom.errors import TransformError
from signalroom.warehouse import duckdb_path

# What dbt reads.
PROJECT = (
    *("dbt_project.yml", "profiles.yml", "packages.yml", "package-lock.yml"),
    *("data/clients", "transform"),
)
# The rows are the same every day, so that builds can be reused.
FIXED_NOW = "2026-11-19T09:30:00-05:00"
# The code that determines which rows are loaded.
LOADING = ("sandbox", "ingest", "signalroom", "data/privacy.yml", ".dlt/config.toml")
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
SIGNALROOM = (sys.executable, "-c", "from cli.main import command; command()")
SIMULATED = ("simulated",)
READY = "The simulated agency is running"


def folder() -> Path:
    """Where data, trees and builds are kept."""
    path = paths.home() / "diff"
    path.mkdir(parents=True, exist_ok=True)
    return path


def commit_of(base: str) -> str:
    """The commit of a branch, local or at the origin; TransformError when there is none."""
    for name in (base, f"origin/{base}"):
        found = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if found.returncode == 0:
            return found.stdout.decode().strip()
    raise TransformError(
        f"{base} is not a branch or commit of this repository: name another one, as in "
        "`make diff BASE=origin/main`."
    )


def tree_of(commit: str) -> Path:
    """The files of a commit, with dbt's packages linked."""
    path = folder() / commit[:12]
    if not (path / "dbt_packages").exists():
        for earlier in folder().iterdir():
            if earlier.is_dir() and not earlier.name.startswith("raw-"):
                shutil.rmtree(earlier)
        archive = _git("archive", commit, "--", *PROJECT)
        if archive.returncode:
            raise TransformError(f"git has no files of {commit}: {archive.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(path, filter="data")
        dbt(path, "deps")
    return path


def install_packages(tree: Path) -> None:
    """Run `dbt deps` if the client packages are not linked yet or the links are stale."""
    listed = (tree / "packages.yml").read_text(encoding="utf-8").splitlines()
    names = [
        f"client_{line.rsplit('/', 1)[1].strip()}"
        for line in listed
        if line.strip().startswith("- local:")
    ]
    if not all((tree / "dbt_packages" / name / "dbt_project.yml").exists() for name in names):
        dbt(tree, "deps")


def loaded_data() -> Path:
    """A DuckDB file with the raw tables of the simulated agency.

    Uses what `make run` loaded if it ran on the simulated agency; otherwise loads them here, and
    again when the code that loads them has changed.
    """
    with _simulated_warehouse() as simulated:
        home = folder() / f"raw-{simulated or _loading_code()}"
        if not (home / "complete").exists():
            for stale in folder().glob("raw-*"):
                shutil.rmtree(stale)
            home.mkdir()
            if simulated:
                for path in duckdb_path().parent.glob(f"{duckdb_path().name}*"):
                    shutil.copy(path, home)  # the file, and what a killed writer left next to it
            else:
                with _agency() as environment:
                    command = [*SIGNALROOM, "ingest", "all"]
                    _run(command, paths.root(), {**environment, "SIGNALROOM_HOME": str(home)})
            (home / "complete").touch()
    return home / duckdb_path().name


@contextmanager
def _simulated_warehouse() -> Iterator[str]:
    """A fingerprint of the embedded warehouse's loads; none for real or no rows.

    It stays open for the block, so that it cannot be written while it is copied.
    """
    import duckdb

    with ExitStack() as stack:
        name = ""
        if duckdb_path().exists():
            try:
                connection = duckdb.connect(str(duckdb_path()), read_only=True)
                stack.callback(connection.close)
                origins = connection.execute("select origin from ops.origin").fetchall()
                loads = connection.execute("select max(loaded_at), count(*) from ops.loads")
                if origins == [SIMULATED]:
                    name = hashlib.sha256(repr(loads.fetchall()).encode()).hexdigest()[:12]
            except duckdb.Error:  # open in another process, or not a warehouse of ours
                name = ""
        if not name:
            stack.close()
        yield name


def _loading_code() -> str:
    digest = hashlib.sha256()
    for name in LOADING:
        start = paths.root() / name
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(paths.root()).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def built(tree: Path, raw: Path, home: Path) -> Path:
    """A DuckDB file in `home` with the marts that a tree's models build from the loaded data.

    Results of earlier builds in the loaded file are ignored, incremental models included.
    """
    home.mkdir(exist_ok=True)
    file = Path(shutil.copy(raw, home))
    marts = ("--select", "+path:transform/models/marts")
    dbt(tree, "build", "--full-refresh", *marts, *NO_TESTS, home=home)
    return file


def built_base(tree: Path, raw: Path) -> Path:
    """The same for the tree of a commit, cached for the next time."""
    home, made_of = tree / "built", tree / "built" / "made-of"
    if not (made_of.exists() and made_of.read_text() == raw.parent.name):
        made_of.unlink(missing_ok=True)
        built(tree, raw, home)
        made_of.write_text(raw.parent.name)
    return home / raw.name


def manifest_of(tree: Path) -> Path:
    """dbt's manifest of a commit's tree, parsed once and also used by its build."""
    dbt(tree, "parse", home=tree / "built")
    return tree / "built" / "target" / "manifest.json"


def dbt(tree: Path, *arguments: str, home: Path | None = None) -> None:
    """Plain dbt on DuckDB, in a tree; `home` holds the file and the artifacts.

    Raises TransformError with dbt's message.
    """
    place = home or folder()
    folders = {"DBT_LOG_PATH": str(place / "logs"), "DBT_TARGET_PATH": str(place / "target")}
    command = [str(Path(sys.executable).parent / "dbt"), "--quiet", "--no-use-colors", *arguments]
    own = {"SIGNALROOM_HOME": str(place), "DBT_PROFILES_DIR": str(tree)}
    _run(command, tree, {**own, **folders})


@contextmanager
def _agency() -> Iterator[dict[str, str]]:
    """The simulated agency for the block; gives the variables that point at it."""
    environment: dict[str, str] = {"SIGNALROOM_SANDBOX": "1"}
    with subprocess.Popen(
        [*SIGNALROOM, "sandbox"],
        cwd=paths.root(),
        env=_environment({"SIGNALROOM_NOW": FIXED_NOW}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = []
            for line in process.stdout or ():
                name, sign, value = line.strip().partition("=")
                if sign and name.isidentifier() and name.isupper():
                    environment[name] = "".join(shlex.split(value))
                said.append(line)
                if line.startswith(READY):
                    break
            else:
                raise TransformError(f"The simulated agency does not start: {''.join(said)}")
            yield environment
        finally:
            process.terminate()


def _run(command: list[str], tree: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=tree,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        what = "dbt" if command[0].endswith("dbt") else "signalroom"
        raise TransformError(f"{what} failed in {tree}:\n{done.stdout.strip()}")


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Without the user's settings: both sides are built the same way, on the embedded engine."""
    own = ("SIGNALROOM_", "SUPABASE_", "DBT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {
        **kept,
        "SIGNALROOM_TARGET": "duckdb",
        "PYTHON_DOTENV_DISABLED": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **extra,
    }


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=paths.root(), capture_output=True, check=False)
