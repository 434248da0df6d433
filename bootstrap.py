"""Fetch uv, which sets up everything else, with nothing but Python's standard library.

A fresh Debian splits pip and venv off from Python, so neither can be counted on. Version, address
and checksum come from uv.lock, like those of every other package.

    python3 bootstrap.py        # leaves .tools/uv-VERSION and the link .tools/uv
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is who reads this line
    sys.exit(f"SignalRoom needs Python 3.11 or newer; this one is {sys.version.split()[0]}.")

import hashlib
import io
import platform
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools"
ATTEMPTS = 3
TIMEOUT_S = 60


def tags() -> tuple[str, ...]:
    """What the file name of a wheel for this machine contains, best first."""
    machine = platform.machine().lower().replace("amd64", "x86_64")
    if sys.platform == "darwin":
        return (f"macosx_{'11_0' if machine == 'arm64' else '10_12'}_{machine}",)
    kinds = ("manylinux", "musllinux") if platform.libc_ver()[0] == "glibc" else ("musllinux",)
    versions = ("2_17", "2_28", "1_1")
    return tuple(f"{kind}_{version}_{machine}" for kind in kinds for version in versions)


def locked() -> tuple[str, str, str]:
    """Version, address and sha256 of uv's wheel for this machine, from uv.lock."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    uv = next(package for package in packages if package["name"] == "uv")
    for tag in tags():
        for wheel in uv["wheels"]:
            if tag in wheel["url"]:
                return uv["version"], wheel["url"], wheel["hash"].removeprefix("sha256:")
    sys.exit(f"uv.lock has no uv for {sys.platform} on {platform.machine()}: install uv yourself.")


def fetch(url: str) -> bytes:
    """The file behind an address; ends the program in one line when it cannot be had."""
    if not url.startswith("https://"):
        sys.exit(f"uv.lock gives an address that is not https: {url}")
    reason: object = None
    for _ in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except (urllib.error.URLError, OSError) as error:
            reason = error
    sys.exit(f"uv cannot be fetched from {url}: {reason}. Check network, proxy and certificates.")


def main() -> None:
    version, url, sha256 = locked()
    program = TOOLS / f"uv-{version}"
    if not program.exists():
        wheel = fetch(url)
        found = hashlib.sha256(wheel).hexdigest()
        if found != sha256:
            sys.exit(f"{url} has the checksum {found}, uv.lock says {sha256}: not used.")
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            content = archive.read(f"uv-{version}.data/scripts/uv")
        TOOLS.mkdir(exist_ok=True)
        partial = program.with_suffix(".partial")
        partial.write_bytes(content)
        partial.chmod(0o755)
        partial.replace(program)
    link = TOOLS / "uv"
    link.unlink(missing_ok=True)
    link.symlink_to(program.name)


if __name__ == "__main__":
    main()
