"""Google's service accounts: keys generated at start, assertions checked as by Google."""

import base64
import binascii
import json
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# Google's own address, wherever `token_uri` points.
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"


class RefusedError(Exception):
    """An assertion that Google refuses with this text."""


@cache
def private_key() -> rsa.RSAPrivateKey:
    """One key for all accounts of the process: generating one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def credentials(email: str, token_uri: str) -> dict[str, Any]:
    """The key file of a service account, in Google's format."""
    pem = private_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account", "project_id": "sandbox", "private_key_id": "sandbox-key",
        "private_key": pem.decode(), "client_email": email, "client_id": "1234",
        "token_uri": token_uri,
    }  # fmt: skip


def issuer(grant: str | None, assertion: str | None) -> str:
    """The signer of the assertion; RefusedError if it is invalid."""
    if grant != GRANT or not assertion:
        raise RefusedError("Bad Request")
    try:
        head, body, signature = assertion.split(".")
        header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
        private_key().public_key().verify(
            _decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature as error:
        raise RefusedError("Invalid JWT Signature.") from error
    except (ValueError, binascii.Error) as error:
        raise RefusedError("Invalid JWT.") from error
    if header.get("alg") != "RS256" or claims.get("aud") != AUDIENCE:
        raise RefusedError("Invalid JWT: wrong algorithm or audience.")
    if SCOPE not in str(claims.get("scope")).split() or claims["exp"] - claims["iat"] > 3600:
        raise RefusedError("Invalid JWT: wrong scope or lifetime.")
    return str(claims["iss"])


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
