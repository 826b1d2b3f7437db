"""TLS certificates of one environment's Dask cluster: a certificate authority of its own, three roles.

Invariants:
1. Each environment has its own authority, so no other environment's certificate is accepted.
2. A client's certificate cannot serve; scheduler and workers both serve and connect, as Dask does.
3. Certificates are renewed whole, authority included, before their last 30 days begin.

TLS both ways keeps strangers out; it does not separate roles inside one cluster (design §3), so no Dask
connection ever crosses a boundary.

Example:
    >>> write_dask_certificates(folder, "cloud")
    >>> dask_certificates(folder, "worker").cert.name
    'worker.pem'
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from data_contracts.digest import digest_bytes
from data_contracts.errors import IsthmusError, NotVerifiableError, UsageError
from environments.private import make_private, read_private, write_private

__all__ = [
    "DaskCertificates",
    "DaskFolder",
    "Role",
    "dask_certificates",
    "dask_fingerprint",
    "write_dask_certificates",
]

Role = Literal["scheduler", "worker", "client"]
_SERVE, _CONNECT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_USES = {"scheduler": [_SERVE, _CONNECT], "worker": [_SERVE, _CONNECT], "client": [_CONNECT]}
_LIFETIME, _RENEWAL, _SKEW = dt.timedelta(days=397), dt.timedelta(days=30), dt.timedelta(minutes=10)
_CA = "ca.pem"


class DaskFolder(Protocol):
    """The place of an environment's folder that holds its certificates (`EnvironmentFolder` has it)."""

    @property
    def dask(self) -> Path:
        """The folder of the cluster's certificates."""


@dataclass(frozen=True)
class DaskCertificates:
    """Paths for `distributed.security.Security(tls_ca_file, tls_ROLE_cert, tls_ROLE_key)`."""

    ca: Path
    cert: Path
    key: Path


def dask_certificates(folder: DaskFolder, role: Role) -> DaskCertificates:
    """Return one role's paths.

    Raises:
        UsageError: they were not written yet.
    """
    paths = DaskCertificates(folder.dask / _CA, folder.dask / f"{role}.pem", folder.dask / f"{role}.key")
    if not all(path.is_file() for path in (paths.ca, paths.cert, paths.key)):
        raise UsageError(f"no Dask certificate for {role}", remedy="run `isthmus up` once")
    return paths


def dask_fingerprint(folder: DaskFolder) -> str:
    """Return the digest of the authority's certificate (DER).

    Raises:
        UsageError: it was not written yet.
        NotVerifiableError: it is no certificate.
    """
    try:
        authority = x509.load_pem_x509_certificate(read_private(folder.dask / _CA))
    except FileNotFoundError:
        raise UsageError("no Dask authority", remedy="run `isthmus up` once") from None
    except ValueError:
        raise NotVerifiableError(f"{_CA}: no certificate", remedy="remove it; `isthmus up` renews") from None
    return digest_bytes(authority.public_bytes(serialization.Encoding.DER))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority(environment: str, now: dt.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Isthmus Dask authority of {environment}")
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _leaf(
    environment: str, role: str, authority: tuple[ec.EllipticCurvePrivateKey, x509.Certificate],
    now: dt.datetime,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    ca_key, ca = authority
    loopback = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    names = [x509.DNSName("localhost"), x509.DNSName(f"{role}.{environment}.isthmus.invalid")]
    alternatives = x509.SubjectAlternativeName([*names, *map(x509.IPAddress, loopback)])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _builder(_name(f"{role}.{environment}"), ca.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USES[role]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return key, certificate


def _fresh(folder: DaskFolder, now: dt.datetime) -> bool:
    try:
        paths = [dask_certificates(folder, role) for role in ("scheduler", "worker", "client")]
        certificates = [x509.load_pem_x509_certificate(read_private(p.cert)) for p in paths]
        ca = x509.load_pem_x509_certificate(read_private(folder.dask / _CA))
        for certificate in certificates:
            certificate.verify_directly_issued_by(ca)
    except (IsthmusError, OSError, InvalidSignature, ValueError, TypeError):
        return False
    return all(c.not_valid_after_utc - now > _RENEWAL for c in (*certificates, ca))


def write_dask_certificates(folder: DaskFolder, environment: str, *, now: dt.datetime | None = None) -> None:
    """Write the authority's certificate and the three roles' certificates and keys, if none are fresh.

    The authority's private key is dropped when the three are signed: nothing else can ever be signed
    with it, and a renewal makes a new authority. A running cluster must be restarted after a renewal.
    """
    now = now or dt.datetime.now(dt.UTC)
    if _fresh(folder, now):
        return
    make_private(folder.dask)
    authority = _authority(environment, now)
    pem = serialization.Encoding.PEM
    for role in _USES:
        key, certificate = _leaf(environment, role, authority, now)
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(folder.dask / f"{role}.key", secret)
        write_private(folder.dask / f"{role}.pem", certificate.public_bytes(pem))
    write_private(folder.dask / _CA, authority[1].public_bytes(pem))
