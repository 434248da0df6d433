"""The log of pulls: the cost and result of each, for runs and commands.

Models read it as `pulls`.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from signalroom import clock, current_run
from signalroom.errors import SignalRoomError
from signalroom.history_tables import PULL_LOG
from signalroom.run_database import prepared_engine
from signalroom.warehouse import first_line

log = logging.getLogger(__name__)


def record(client_id: str, source: str, rows: Mapping[str, int], **more: object) -> None:
    """Record a finished pull, with its rows by table; `more` are other columns of PULL_LOG.

    A failure to record is logged and does not stop the work.
    """
    values = {
        **more,
        "pull_id": uuid.uuid4().hex,
        "run_id": current_run.run_id() or None,
        "_client_id": client_id,
        "source": source,
        "day": clock.today(),
        "rows": sum(rows.values()),
        "tables": json.dumps(dict(rows)),
        "ended_at": clock.instant(),
    }
    try:
        engine = prepared_engine()
        try:
            with engine.begin() as connection:
                connection.execute(PULL_LOG.insert().values(values))
        finally:
            engine.dispose()
    except (SignalRoomError, SQLAlchemyError) as error:
        log.info("a pull of %s is not in the log: %s", source, first_line(error))
