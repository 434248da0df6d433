"""Connecting to Temporal: with certificates as in Temporal Cloud, with a key, or not at all."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http.server import HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.temporal import _queues as chosen_queues
from scheduler.temporal import worker
from scheduler.temporal.connection import connect
from scheduler.temporal.model import QUEUES
from signalroom import clock
from signalroom.errors import ConfigurationError
from tests.scheduler.temporal.server import DevServer, dev_server
from tests.scheduler.test_heartbeat import Receiver
from tests.support.processes import signalroom_cli


@dataclass
class Identity:
    """A certificate with its key, as PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def files(self, folder: Path, name: str) -> tuple[Path, Path]:
        cert, key = folder / f"{name}.crt", folder / f"{name}.key"
        cert.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert, key


def identity(name: str, authority: Identity | None = None) -> Identity:
    """A certificate with that name, issued by an authority or self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = clock.instant()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority.key if authority else key, hashes.SHA256())
    )
    return Identity(key, certificate)


@contextmanager
def only_for_known(folder: Path, authority: Identity, port: int) -> Iterator[int]:
    """A proxy in front of a plain server: TLS, and only for certificates of that authority."""
    cert, key = identity("server", authority).files(folder, "server")
    trusted, _ = authority.files(folder, "authority")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with dev_server() as found:
        yield found


def test_a_server_that_asks_for_certificates_is_reached_with_them_and_not_without(
    server: DevServer, tmp_path: Path
) -> None:
    """Like Temporal Cloud's mTLS: the certificate is a file, the key is in the variable itself."""
    authority = identity("authority")
    cert, key = identity("worker", authority).files(tmp_path, "worker")
    with only_for_known(tmp_path, authority, server.port) as port:
        env = {
            "TEMPORAL_ADDRESS": f"localhost:{port}",
            "SSL_CERT_FILE": str(tmp_path / "authority.crt"),
        }
        known = env | {"TEMPORAL_TLS_CERT": str(cert), "TEMPORAL_TLS_KEY": key.read_text()}
        listed = signalroom_cli("temporal", "list", env=known)
        assert listed.returncode == 0, listed.stderr

        stranger, its_key = identity("stranger").files(tmp_path, "stranger")
        for wrong in (
            env,
            env | {"TEMPORAL_TLS_CERT": str(stranger), "TEMPORAL_TLS_KEY": str(its_key)},
            known | {"SSL_CERT_FILE": str(stranger)},  # a server with an untrusted certificate
        ):
            refused = signalroom_cli("temporal", "list", env=wrong)
            assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
            assert "cannot be reached" in refused.stderr


def test_a_key_never_travels_unencrypted(server: DevServer) -> None:
    env = {"TEMPORAL_ADDRESS": server.address}
    assert signalroom_cli("temporal", "list", env=env).returncode == 0
    key = "canary-of-the-cloud"
    refused = signalroom_cli("temporal", "list", env=env | {"TEMPORAL_API_KEY": key})
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "cannot be reached" in refused.stderr
    assert key not in refused.stderr


def test_half_an_identity_or_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    env = {"TEMPORAL_ADDRESS": "127.0.0.1:9"}
    half = signalroom_cli("temporal", "list", env=env | {"TEMPORAL_TLS_CERT": "a.crt"})
    assert (half.returncode, len(half.stderr.splitlines())) == (1, 1)
    missing = signalroom_cli(
        "temporal", "list",
        env=env | {"TEMPORAL_TLS_CERT": str(tmp_path / "a.crt"), "TEMPORAL_TLS_KEY": "b"},
    )  # fmt: skip
    assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 1)
    assert f"TEMPORAL_TLS_CERT: {tmp_path / 'a.crt'} cannot be read" in missing.stderr


def test_doctor_names_schedules_that_the_server_lacks(server: DevServer, tmp_path: Path) -> None:
    env = {"TEMPORAL_ADDRESS": server.address, "SIGNALROOM_HOME": str(tmp_path)}

    def doctor() -> tuple[int, str]:
        done = signalroom_cli("doctor", env=env)
        return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())

    code, said = doctor()
    assert (code, f"Temporal at {server.address} does not schedule audience, " in said) == (0, True)
    assert signalroom_cli("temporal", "apply", env=env).returncode == 0
    assert f"{server.address} answers and has every schedule" in doctor()[1]


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The pings received at the heartbeat's address."""

    class Own(Receiver):
        heard: ClassVar[list[str]] = []

    with HTTPServer(("127.0.0.1", 0), Own) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        monkeypatch.setenv("HEARTBEAT_URL", f"http://127.0.0.1:{receiver.server_port}/ping")
        yield Own.heard
        receiver.shutdown()


def test_a_worker_says_when_the_server_is_away_and_its_heartbeat_stays_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    pings: list[str],
) -> None:
    """Nothing is scheduled then, so the monitoring of the heartbeat has to notice."""
    monkeypatch.setattr(worker, "TICK_S", 0.1)
    found = worker.WorkerProcess(QUEUES, None)

    async def run(server: DevServer) -> None:
        ticks = asyncio.create_task(found._tick_each_minute(await connect()))
        while not pings:
            await asyncio.sleep(0.05)
        server.stop()
        while "does not answer" not in caplog.text:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # the last good one may still be in transit
        before = len(pings)
        await asyncio.sleep(0.5)
        assert len(pings) == before
        server.start()
        while len(pings) == before:
            await asyncio.sleep(0.05)
        ticks.cancel()

    with dev_server(tmp_path / "temporal.sqlite") as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        asyncio.run(asyncio.wait_for(run(server), 60))


@pytest.mark.parametrize("command", ["list", "worker"])
def test_a_namespace_that_is_not_there_is_named(
    server: DevServer, tmp_path: Path, command: str
) -> None:
    """A server that answers may still lack our namespace, or refuse us."""
    env = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": "nowhere", "PORT": "0"}
    env["SIGNALROOM_HOME"] = str(tmp_path)
    refused = signalroom_cli("temporal", *command.split(), env=env)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
    assert "cannot be reached (Namespace nowhere is not found)" in refused.stderr


def test_a_worker_of_one_queue_takes_nothing_from_the_other(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workflows are on the queue of steps that mostly wait; dbt may run on a different machine."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)

    async def queues(*asked: str) -> dict[str, bool]:
        made = worker.WorkerProcess(asked, None)._workers(await connect())
        return {one.task_queue: bool(one.config()["workflows"]) for one in made}

    assert asyncio.run(queues(*QUEUES)) == {"api-tasks": True, "warehouse-tasks": False}
    assert asyncio.run(queues("warehouse-tasks")) == {"warehouse-tasks": False}
    monkeypatch.setenv("TEMPORAL_TASK_QUEUE", "warehouse-tasks")
    assert chosen_queues() == ("warehouse-tasks",)
    monkeypatch.setenv("TEMPORAL_TASK_QUEUE", "dbt")
    with pytest.raises(ConfigurationError, match="TEMPORAL_TASK_QUEUE is 'dbt': use api-tasks or"):
        chosen_queues()
