"""dbt-duckdb plugin: makes the folder of the warehouse file before DuckDB opens it."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Plugins are initialised before the file is opened, which is when the folder is needed."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Create the parent folder of the profile's `path`."""
        if self.creds is not None:
            Path(self.creds.path).parent.mkdir(parents=True, exist_ok=True)
