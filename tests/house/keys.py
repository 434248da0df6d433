"""Scans the repository's files for keys and passwords, with detect-secrets.

    python -m tests.house.keys

A made-up key of the simulation has `# pragma: allowlist secret` on its line.
"""

from __future__ import annotations

import sys
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings, get_settings

from tests.house.test_files import files
from tests.support.processes import ROOT

# They find only ids and checksums.
BY_ENTROPY = ["HexHighEntropyString", "Base64HighEntropyString"]
SIMULATED = ("tests", "sandbox")
LEFT_OUT = ("uv.lock", "package-lock.yml")


def found(paths: list[Path]) -> list[str]:
    """One line for each finding; never the secret itself."""
    return [
        f"{path.relative_to(ROOT)}:{secret.line_number}: {secret.type}"
        for path in paths
        for secret in scan_file(str(path))
    ]


def main() -> int:
    """Print what looks like a secret; returns the number of findings."""
    everything = [path for path in files("") if path.name not in LEFT_OUT]
    simulated = {path for path in everything if path.relative_to(ROOT).parts[0] in SIMULATED}
    with default_settings():
        get_settings().disable_plugins(*BY_ENTROPY)
        lines = found([path for path in everything if path not in simulated])
        get_settings().disable_plugins("KeywordDetector")
        lines += found(sorted(simulated))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return len(lines)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
