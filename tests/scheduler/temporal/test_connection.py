"""How Temporal is reached: with certificates as in Temporal Cloud, with a key, or not at all."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signalroom import clock
from tests.scheduler.temporal.server import DevServer, dev_server
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
    """A certificate of that name, made by an authority or by itself."""
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
    """A door before a plain server: TLS, and only for certificates of that authority."""
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
    """As Temporal Cloud's mTLS: the certificate from a file, the key from the variable itself."""
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
        assert "Temporal has no schedule of ours" in listed.stdout

        stranger, its_key = identity("stranger").files(tmp_path, "stranger")
        for wrong in (
            env,
            env | {"TEMPORAL_TLS_CERT": str(stranger), "TEMPORAL_TLS_KEY": str(its_key)},
            known | {"SSL_CERT_FILE": str(stranger)},  # a server that no one vouches for
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


def test_doctor_names_a_server_that_is_away_and_schedules_that_it_lacks(
    server: DevServer, tmp_path: Path
) -> None:
    env = {"TEMPORAL_ADDRESS": "127.0.0.1:9", "SIGNALROOM_HOME": str(tmp_path)}

    def doctor() -> tuple[int, str]:
        done = signalroom_cli("doctor", env=env)
        return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())

    code, said = doctor()
    assert (code, "Temporal at 127.0.0.1:9 cannot be reached" in said) == (1, True), said
    env["TEMPORAL_ADDRESS"] = server.address
    code, said = doctor()
    assert (code, f"Temporal at {server.address} does not schedule audience, " in said) == (0, True)
    assert signalroom_cli("temporal", "apply", env=env).returncode == 0
    assert f"{server.address} answers and has every schedule" in doctor()[1]


@pytest.mark.parametrize("command", ["list", "apply", "delete --all", "worker"])
def test_a_namespace_that_is_not_there_is_named(
    server: DevServer, tmp_path: Path, command: str
) -> None:
    """A server that answers is not yet one that has our namespace, or lets us in."""
    env = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": "nowhere", "PORT": "0"}
    env["SIGNALROOM_HOME"] = str(tmp_path)
    refused = signalroom_cli("temporal", *command.split(), env=env)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
    assert "cannot be reached (Namespace nowhere is not found)" in refused.stderr
