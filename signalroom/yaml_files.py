"""YAML as every file of ours is read: by the C implementation, where PyYAML has it."""

from __future__ import annotations

from typing import Any

import yaml

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """The content of a file; yaml.YAMLError if it is not YAML."""
    return yaml.load(text, Loader)  # noqa: S506 - a safe one
