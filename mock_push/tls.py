"""A certificate for the names the mock stands in for, made at start.

For drills in which a sender is not changed at all: its names lead to the mock by a host alias, and
it trusts the authority whose file is named. The authority's own key is thrown away once it has
signed, so that nothing else can ever be signed with what a sender was told to trust.
"""

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = (
    "fcm.googleapis.com",
    "oauth2.googleapis.com",
    "iamcredentials.googleapis.com",
    "api.telegram.org",
    "localhost",
)
ADDRESSES = ("127.0.0.1", "::1")
VALID_DAYS = 30
RENEW_DAYS = 7  # a mock that starts with less left makes a new pair
AUTHORITY_FILE = "authority.pem"
SERVER_FILE = "server.pem"


class Identity(msgspec.Struct, frozen=True):
    """What the mock shows, and the file that makes others believe it."""

    authority_file: Path
    context: ssl.SSLContext


def make_identity(folder: Path, *, now: datetime | None = None) -> Identity:
    """The pair in `folder`, made if there is none or it is about to expire.

    The folder then holds the authority's certificate, and the server's certificate with its key
    (mode 600).
    """
    moment = now or datetime.now(UTC)
    authority_file, server_file = folder / AUTHORITY_FILE, folder / SERVER_FILE
    if not (authority_file.exists() and _is_good(server_file, moment)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_pair(authority_file, server_file, moment)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server_file)
    return Identity(authority_file, context)


def _is_good(server_file: Path, now: datetime) -> bool:
    if not server_file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(server_file.read_bytes())
    return certificate.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)


def _make_pair(authority_file: Path, server_file: Path, now: datetime) -> None:
    authority_key, server_key = (generate_private_key(SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mock_push, not Google")])
    authority = _authority(name, authority_key, now)
    server = _server(name, authority_key, server_key.public_key(), now)
    key = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The server's file first: an authority that others may read already has its other half.
    _write(server_file, server.public_bytes(Encoding.PEM) + key, mode=0o600)
    _write(authority_file, authority.public_bytes(Encoding.PEM), mode=0o644)


def _authority(name: x509.Name, key: EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    public = key.public_key()
    return (
        _builder(name, name, public, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, SHA256())
    )


def _server(
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    public: EllipticCurvePublicKey,
    now: datetime,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in HOSTS]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(subject, issuer, public, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(signer, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(issuer_key, SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a container's clock may be a little behind
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


def _write(path: Path, content: bytes, *, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    beside.replace(path)
