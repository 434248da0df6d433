"""The connection to Temporal: Cloud with a key or certificates, self-hosted, or the dev server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, TLSConfig

from scheduler.runs.work_ledger import WorkLedger
from scheduler.temporal.links import CLOUD, address, namespace
from scheduler.temporal.model import (
    API_TASKS,
    DELIVER,
    DELIVERY,
    LONGEST_RUN_H,
    SCHEDULED_SYNC,
    Delivery,
    ScheduledSync,
    workflow_of_run,
)
from signalroom import clock
from signalroom.errors import ConfigurationError

CONNECT_S = 10.0
LONGEST_RUN = timedelta(hours=LONGEST_RUN_H)
ASKED_FOR = Priority(priority_key=1)  # someone is waiting for it
T = TypeVar("T")


async def connect() -> Client:
    """A client of TEMPORAL_ADDRESS. Raises ConfigurationError if it cannot be used."""
    if not address():
        raise ConfigurationError(
            "TEMPORAL_ADDRESS is not set: give the host and port of Temporal, such as "
            "127.0.0.1:7233. `make temporal` starts one here."
        )
    try:
        return await asyncio.wait_for(_connect(), CONNECT_S)
    except (RuntimeError, RPCError, TimeoutError) as error:
        raise ConfigurationError(
            f"Temporal at {address()} cannot be reached ({_reason(error)}). Check "
            "TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its key or certificates, and whether the "
            "server runs. Nothing was started."
        ) from None


async def _connect() -> Client:
    """Connects, and checks that the namespace exists and is accessible."""
    key = os.environ.get("TEMPORAL_API_KEY", "").strip() or None
    client = await Client.connect(
        address(), namespace=namespace(), api_key=key, tls=_tls(bool(key)), runtime=_runtime()
    )
    await _look(client)
    return client


async def reach(client: Client) -> None:
    """Raises ConfigurationError if the server is unreachable, or denies access."""
    try:
        await _look(client)
    except RPCError as error:
        raise ConfigurationError(
            f"Temporal at {address()} does not answer ({_reason(error)}): nothing begins until it "
            "does. What is loaded and sent stays."
        ) from None


async def _look(client: Client) -> None:
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace),
        timeout=timedelta(seconds=CONNECT_S / 2),
    )


@cache
def _runtime() -> Runtime:
    """Temporal's library logs to our log; without each retry while the server is unreachable."""
    quiet = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    forwarding = LogForwardingConfig(logging.getLogger("temporalio"))
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(quiet, forwarding)))


def _reason(error: Exception) -> str:
    text = str(error).split("\n", 1)[0].strip().rstrip(".")
    return text[:200] or type(error).__name__


def _tls(has_key: bool) -> bool | TLSConfig:
    """TLS: with certificates if given, none if the address is not Temporal Cloud's."""
    cert, key = _pem("TEMPORAL_TLS_CERT"), _pem("TEMPORAL_TLS_KEY")
    if bool(cert) != bool(key):
        raise ConfigurationError("TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY go together: set both.")
    if cert:
        return TLSConfig(client_cert=cert, client_private_key=key)
    return has_key or address().rpartition(":")[0].endswith(CLOUD)


def _pem(name: str) -> bytes | None:
    """A certificate or key: the text itself, or the path of a file."""
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if value.startswith("-----BEGIN"):
        return value.replace("\\n", "\n").encode()
    try:
        return Path(value).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name}: {value} cannot be read: {error.strerror}.") from None


async def start_run(client: Client, job: str, run_id: str) -> str:
    """Start the workflow of a run in the ledger; its id. A running one is not duplicated."""
    workflow_id = workflow_of_run(run_id)
    try:
        await client.start_workflow(
            SCHEDULED_SYNC,
            ScheduledSync(job=job, run_id=run_id),
            id=workflow_id,
            task_queue=API_TASKS,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            execution_timeout=LONGEST_RUN,
            priority=ASKED_FOR,
        )
    except WorkflowAlreadyStartedError:
        return workflow_id
    except RPCError as error:
        raise ConfigurationError(
            f"Temporal at {address()} did not take {run_id} ({_reason(error)}). Trigger it again "
            "once it answers."
        ) from None
    return workflow_id


async def start_delivery(client: Client) -> WorkflowHandle[Any, Any]:
    """Send everything that is open; one such workflow at a time."""
    return await client.start_workflow(
        DELIVER,
        Delivery(),
        id=DELIVERY,
        task_queue=API_TASKS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        execution_timeout=LONGEST_RUN,
    )


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Call Temporal from synchronous code.

    Raises ConfigurationError if it refuses, or becomes unreachable meanwhile.
    """
    try:
        return asyncio.run(work)
    except RPCError as error:
        raise ConfigurationError(
            f"Temporal at {address()} failed or cannot be reached: {_reason(error)}. Repeat the "
            "command once it works; finished changes are kept."
        ) from None


def trigger(job: str, run_id: str) -> str:
    """Start the workflow of a run in the ledger; its id.

    Raises ConfigurationError if Temporal does not answer; the run is then skipped.
    """

    async def start() -> str:
        return await start_run(await connect(), job, run_id)

    try:
        return wait_for(start())
    except ConfigurationError as error:
        with WorkLedger() as ledger:
            ledger.skip(run_id, f"not started: {error}", clock.instant())
        raise
