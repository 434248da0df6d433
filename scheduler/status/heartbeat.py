"""The heartbeat: pings an outside URL (HEARTBEAT_URL) while the scheduler runs.

So its absence is noticed elsewhere. The URL is of healthchecks.io, or compatible: `/start` when
work begins, the URL itself on success, `/1` (the exit code) on failure, and `rid` to identify runs.
An unreachable URL delays nothing.
"""

from __future__ import annotations

import logging
import threading
import uuid

from signalroom import settings
from signalroom.errors import SignalRoomError

log = logging.getLogger("scheduler")
WITHIN_S = 5.0
_last: list[threading.Thread] = []  # pings arrive in their order: a start after its end is no end
NAMESPACE = uuid.UUID("5f4c2f1e-6f0b-5d3c-9c53-7130000c0713")


def ping(event: str = "", run_id: str = "") -> threading.Thread | None:
    """Report a successful tick; or, for a run, its start (`start`) or its exit code.

    No effect if no URL is set. Nothing is raised, and the URL, a secret, is never logged.
    """
    try:
        address = settings.variable("HEARTBEAT_URL")
    except SignalRoomError as error:
        log.warning("no heartbeat: %s", error)
        return None
    if not address:
        return None
    before = _last[-1] if _last else None
    thread = threading.Thread(target=_send, args=(address, event, run_id, before), daemon=True)
    thread.start()
    _last[:] = [thread]
    return thread


def _send(address: str, event: str, run_id: str, before: threading.Thread | None) -> None:
    import httpx  # a quarter of a command's start time, and most commands send nothing

    try:
        if before is not None:
            before.join(2 * WITHIN_S)
        url = httpx.URL(address)
        if event and event != "0":
            url = url.copy_with(path=f"{url.path.rstrip('/')}/{event}")
        if run_id:
            url = url.copy_add_param("rid", str(uuid.uuid5(NAMESPACE, run_id)))
        answer = httpx.get(url, timeout=WITHIN_S, headers={"User-Agent": settings.user_agent()})
        if not answer.is_success:
            log.warning("the heartbeat address answers with HTTP %d", answer.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        log.warning("the heartbeat address cannot be reached: %s", type(error).__name__)
