"""A certificate that signs itself, made once: its fingerprint is what clients pin."""

import datetime as dt
import ipaddress
import os
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .errors import OperatorError
from .server import Certificate

_YEARS = 10
_BACKWARDS = dt.timedelta(days=1)
"""For clients whose clock is behind."""


def self_signed(data: Path, names: list[str]) -> Certificate:
    """Return the state directory's certificate, made at the first start.

    `names` are host names and addresses that it is for, besides this machine's own; they
    count when it is made. Raises OperatorError.
    """
    pair = Certificate(data / "tls.pem", data / "tls.key")
    try:
        if not (pair.chain.exists() and pair.key.exists()):
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(pair, names)
    except OSError as error:
        raise OperatorError(f"cannot write a certificate: {error.strerror}") from error
    return pair


def fingerprint(pair: Certificate) -> str:
    """Return the SHA-256 of a certificate as pairs of hex digits; raises OperatorError."""
    try:
        made = x509.load_pem_x509_certificate(pair.chain.read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(f"cannot use the certificate: {pair.chain}") from error
    return made.fingerprint(hashes.SHA256()).hex(":").upper()


def _make(pair: Certificate, names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = dict.fromkeys([*names, socket.gethostname(), "localhost", "127.0.0.1", "::1"])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, next(iter(wanted))[:64])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKWARDS)
        .not_valid_after(now + dt.timedelta(days=365 * _YEARS))
        .add_extension(
            x509.SubjectAlternativeName([_general(name) for name in wanted]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # The key first: a certificate that is there always has one.
    for path, content in (
        (pair.key, private),
        (pair.chain, made.public_bytes(serialization.Encoding.PEM)),
    ):
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise OperatorError(f"{name} cannot be in a certificate") from error
