"""The log of pulls: what each took and brought, of runs and of a person's own commands alike.

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
    """Write a pull down as it ends, with its rows by table; `more` are other columns of PULL_LOG.

    One that cannot be written is logged and stops no work.
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
