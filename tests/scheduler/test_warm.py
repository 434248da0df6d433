"""Builds and reports as forks of a process that has imported what they need."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest

from scheduler.execution.child import Child, Order, Worker
from scheduler.execution.executor import Executor
from scheduler.execution.warm import ForkError, Server, Warm
from signalroom import paths
from signalroom.lock import hold
from tests.scheduler.bench import Bench, is_gone

HELP = Order("run", ("report:daily_ccw",), ("report", "--help"), 60.0)
WRONG = Order("run", ("report:no_such",), ("report", "no_such", "--json"), 60.0)
BUILD = Order("run", ("dbt",), ("build", "--json"), 60.0)


# Makes a report as a fork does, and tells what it imported and compiled.
REPORT = """
import sys, tempfile
from importlib import import_module
from pathlib import Path
from unittest.mock import patch
from jinja2 import Environment
from scheduler.execution import warm
for name in warm.MODULES:
    if not name.startswith("dbt."):
        import_module(name)
warm._compile_templates()
from reports import registry
frozen = [name for name in sys.modules if name.startswith("reports.daily.")]
from reports.preview.gallery import SCENARIOS, Homes, cell
known = set(sys.modules)
compiling = patch.object(Environment, "compile", autospec=True, side_effect=Environment.compile)
with tempfile.TemporaryDirectory() as folder, compiling as compiled:
    made = cell(registry.find("daily_ccw"), SCENARIOS[0], Homes(Path(folder)))
import cli.report, reports.alerts.deliver
ours = [call for call in compiled.call_args_list if "daily" in str(call) or "_email" in str(call)]
large = ("cli", "resend", "twilio", "httpx", "requests", "matplotlib", "PIL", "mjml")
new = [name for name in set(sys.modules) - known if name.split(".")[0] in large]
print(len(made.messages), len(ours), new, frozen)
"""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.execution.warm.ANSWER_S", 60.0)  # imports on a busy machine


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    one = Warm()
    yield one
    one.end()


def ended(child: Worker) -> int:
    give_up_at = time.monotonic() + 60
    while (code := child.poll()) is None:
        assert time.monotonic() < give_up_at
        child.wait(0.5)
    child.close()
    return code


def parent_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[1])


def group_of(child: Child) -> list[str]:
    """The processes of the group that a child leads, itself included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # has ended
            continue
        if int(fields[2]) == child.pid:
            found.append(folder.name)
    return found


def memory_of(pid: int) -> bytes:
    """What a process has written to its memory."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            place, rights, *_, name = (
                line.split(maxsplit=5) if line.count(" ") > 5 else (*line.split(), "")
            )
            if rights.startswith("rw") and not name.startswith("[v"):
                start, end = (int(one, 16) for one in place.split("-"))
                memory.seek(start)
                found.append(memory.read(end - start))
    return b"".join(found)


def sockets_of(pid: int) -> list[str]:
    links = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if link.startswith("socket:")]


def waiting_build(warm: Warm, count: int) -> Child:
    """A build that waits for a lock that this process holds, with so many processes."""
    build = warm(BUILD)
    assert isinstance(build, Child)
    give_up_at = time.monotonic() + 60
    while len(group_of(build)) < count:
        assert time.monotonic() < give_up_at
        assert build.poll() is None
        time.sleep(0.02)
    return build


def test_steps_of_a_run_share_one_import_and_nothing_else(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process imports; each step has its own process group, log, answers and secrets."""
    monkeypatch.setenv("EVERFLOW_API_KEY", "canary-of-another-step")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "canary-of-this-step")
    first, second = warm(HELP), warm(WRONG)
    assert isinstance(first, Child)
    assert isinstance(second, Child)
    assert warm._process is not None
    server = warm._process.pid
    assert {parent_of(one.pid) for one in (first, second)} == {server}
    assert [os.getsid(one.pid) for one in (first, second)] == [first.pid, second.pid]
    given = Path(f"/proc/{server}/environ").read_bytes()
    assert b"canary" not in given
    assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1  # a fork keeps locks of others
    assert ended(first) == 0
    assert ended(second) == 2
    logs = paths.home() / "logs" / "runs" / "run"
    assert "Usage: " in (logs / "report-daily_ccw.jsonl").read_text(encoding="utf-8")
    assert (logs / "report-daily_ccw.log").read_text(encoding="utf-8") == ""
    assert "no_such" in (logs / "report-no_such.log").read_text(encoding="utf-8")
    assert warm._process.pid == server
    written = memory_of(server)
    assert b"scheduler.execution" in written
    assert b"canary-of-" not in written  # later forks inherit it


@pytest.mark.fault(33)
def test_an_ended_build_takes_the_dbt_that_stood_by_with_it(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "60")
    unread = warm(HELP)
    assert isinstance(unread, Child)
    while not unread._process.has_ended():
        time.sleep(0.02)
    with hold("dbt build"):
        build = waiting_build(warm, 2)
        group = group_of(build)
        assert sockets_of(build.pid) == []  # neither the server's nor those of other forks
        build.end(0.0)
        assert ended(build) == -signal.SIGTERM
        for pid in group:
            while not is_gone(pid):
                time.sleep(0.02)
    assert ended(unread) == 0


def test_a_step_does_not_outlive_the_process_that_forked_it_and_the_next_one_runs() -> None:
    warm = Warm()
    with hold("dbt build"):
        build = waiting_build(warm, 2)
        group = group_of(build)
        assert warm._process is not None
        warm._process.kill()
        assert ended(build) == -signal.SIGKILL
        for pid in group:
            while not is_gone(pid):
                time.sleep(0.02)
    assert ended(warm(HELP)) == 0
    warm.end()


def test_a_fork_whose_parent_died_before_its_first_statement_runs_nothing() -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    dead, alive = os.pipe()
    server = os.fork()
    if server == 0:
        me = os.getpid()
        try:
            os.close(alive)
            if os.fork() == 0:
                mine.close()
                os.read(dead, 1)  # until the test has seen the end of the server
                files = [theirs.detach(), 1, 2]
                Server(socket.socketpair()[0], ())._run(me, files, is_build=False)
        finally:
            os._exit(0)
    os.waitpid(server, 0)
    theirs.close()
    os.close(alive)
    os.close(dead)
    with mine:
        mine.settimeout(60)
        assert mine.recv(20) == b""


def test_the_exit_code_of_a_fork_that_ends_at_once_is_not_taken_for_its_id() -> None:
    """As a group to be ended, process 1 would be every process of this user."""
    warm = Warm()
    warm._control, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answers = Thread(target=lambda: os.write(socket.recv_fds(server, 100, 3)[1][0], b"1"))
    answers.start()
    with Path(os.devnull).open() as nothing, pytest.raises(ForkError):
        warm._forked(["signalroom", "build"], {}, nothing, nothing)
    answers.join()
    server.close()
    warm._control.close()


def test_an_order_that_fails_ends_no_fork_and_the_next_steps_are_new_processes() -> None:
    """Two runs share the process; one's order must not kill a report in delivery of the other."""
    warm = Warm()
    with hold("dbt build"):
        build = waiting_build(warm, 2)
        assert warm._process is not None
        server = warm._process.pid
        resource.prlimit(server, resource.RLIMIT_NOFILE, (4, 4))
        for _ in range(2):
            child = warm(HELP)
            assert isinstance(child, Child)
            assert parent_of(child.pid) == os.getpid()
            assert ended(child) == 0
            assert build.poll() is None
            assert parent_of(build.pid) == server
        build.end(0.0)
        assert ended(build) == -signal.SIGTERM
    warm.end()
    assert is_gone(str(server))


def test_a_library_that_cannot_be_imported_fails_only_the_steps_that_need_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    text = f"open({str(tried)!r}, 'w')\nraise RuntimeError('half an installation')\n"
    (tmp_path / "dbt.py").write_text(text, encoding="utf-8")
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{known}")
    warm = Warm()
    warm._begin()
    give_up_at = time.monotonic() + 60
    while not tried.exists():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    report = warm(HELP)
    assert isinstance(report, Child)
    assert warm._process is not None
    assert parent_of(report.pid) == warm._process.pid
    assert ended(report) == 0
    build = warm(BUILD)
    assert isinstance(build, Child)
    assert parent_of(build.pid) == os.getpid()
    build.kill()
    build.close()
    assert warm._process is None  # nothing runs in it


def test_the_process_ends_with_a_killed_scheduler() -> None:
    program = (
        "import os, signal, sys\n"
        "from scheduler.execution import warm\n"
        "one = warm.Warm()\n"
        "one._begin()\n"
        "print(one._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    give_up_at = time.monotonic() + 60
    while not is_gone(done.stdout.strip()):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_process_that_cannot_fork_is_replaced_by_a_new_process_for_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scheduler.execution.warm.MODULES", ())
    warm = Warm()
    warm._begin()
    assert warm._process is not None
    os.kill(warm._process.pid, signal.SIGSTOP)
    monkeypatch.setattr("scheduler.execution.warm.ANSWER_S", 0.2)
    child = warm(HELP)
    assert isinstance(child, Child)
    assert parent_of(child.pid) == os.getpid()
    assert ended(child) == 0
    assert warm._process is None


def test_a_fork_imports_and_compiles_nothing_for_a_daily_report() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "0", "[]", "[]"], "a report's own code is read by its fork"


def is_prepared(wanted: Sequence[str], *before: Callable[[], None], has_time: bool = True) -> bool:
    """Whether a server does the last of its preparations, after those before."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    server = os.fork()
    if server == 0:
        try:
            mine.close()
            one = Server(theirs, wanted, (*before, lambda: os.close(writing)))
            one._has_time = has_time
            one.serve()
        finally:
            os._exit(1)
    theirs.close()
    os.close(writing)
    closed, _, _ = select.select([reading], [], [], 60)
    os.close(reading)
    mine.close()
    assert os.waitpid(server, 0)[1] == 0
    return bool(closed)


def test_what_was_prepared_is_there_for_forks_and_one_failure_prevents_nothing() -> None:
    def fail() -> None:
        raise OSError("not parsed yet")

    assert is_prepared((), fail)


def test_a_report_before_any_build_does_not_prevent_what_is_prepared() -> None:
    # the first fork ends the time for imports
    assert is_prepared(("dbt.not.imported",), has_time=False)


def test_nothing_stays_in_memory_once_no_run_is_left(bench: Bench) -> None:
    executor = Executor(bench.ledger, bench.jobs)
    executor._warm._begin()
    assert executor._warm._process is not None
    executor.turn()
    assert executor._warm._process is None
