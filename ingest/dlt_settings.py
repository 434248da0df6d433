"""dlt configured by the repository's `.dlt/config.toml` alone, for every pull.

dlt also takes its settings from the environment, by short names such as REFRESH, DEV_MODE or
CREDENTIALS, and from the user's ~/.dlt: a pull could then drop tables, or write to others. Plain
dlt on one of the sources is not affected.
"""

from __future__ import annotations

import threading

from signalroom.paths import root

_lock = threading.Lock()
_applied: list[object] = []


def use_own() -> None:
    """Have dlt read its settings from the repository alone, in this process; thread-safe."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import ConfigTomlProvider
    from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    with _lock:
        context = Container()[PluggableRunContext]
        if context.providers in _applied:
            return
        folder = str(root() / ".dlt")
        context.providers = ConfigProvidersContainer([ConfigTomlProvider(folder)])
        context.context.reset_config()
        context.initialize_runtime()
        _applied[:] = [context.providers]
