"""dbt-duckdb plugin: makes the folder of the warehouse file before DuckDB opens it."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Plugins are initialized before the file is opened, when the folder is needed."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Create the parent folder of the profile's `path`, or of the file that is attached."""
        if self.creds is not None:
            for path in (self.creds.path, *(one.path for one in self.creds.attach or ())):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
