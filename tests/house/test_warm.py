"""Processes that fork a test's commands must survive when one of the commands is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.support.processes import ROOT, own_environment, signalroom_cli
from tests.support.warm import warm

# a command that is requested from the warm process
ASK = """
import sys
from tests.support.offline.warm_order import obeyed
print("asks", flush=True)
obeyed(sys.argv[1], "build", ["duckdb"], sys.argv[2], {}, (0, 1, 2))
"""


def test_a_command_outlives_others_that_were_killed_while_they_asked(tmp_path: Path) -> None:
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", ASK, warm("libraries"), str(ROOT)],
            cwd=ROOT,
            env=own_environment({"PYTHONPATH": str(ROOT)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as asking:
            assert asking.stdout is not None
            assert asking.stdout.readline() == b"asks\n"
            time.sleep(0.2)  # so that it is running
            asking.kill()
    env = {"SIGNALROOM_HOME": str(tmp_path)}
    assert signalroom_cli("--version", env=env).returncode == 0
