"""The certificates of the API's TLS side: an authority of this installation, and what it signs.

Everything lies in one directory, root's alone: ``ca.crt``, ``ca.key``, ``server.crt``, ``server.key``, and for those
who administer the machine ``admin.crt``, ``admin.key`` and ``admin.token``. Made when they are first needed; the
server's is made anew when the names that it is for have changed or it is about to expire.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import secrets
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from nsrunner.errors import HostError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["ADMIN", "Pki", "server_context"]

ADMIN: Final = "admin"
_MASTERS: Final = "system:masters"
_CA_DAYS: Final = 3650
_LEAF_DAYS: Final = 365
_RENEW_DAYS: Final = 30
"""A certificate with less time than this is made anew at the next start."""


class Pki:
    """The files of a directory. Raises HostError. Making one imports ``cryptography`` (some 10 MB of memory): the
    daemon lets a child process do it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def read(self, name: str) -> bytes:
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except OSError as error:
            raise HostError(f"{self.path(name)}: {error.strerror}") from None

    def ensure(self, names: Sequence[str]) -> None:
        """Makes what is missing or too old; ``names``: host names and addresses of the server."""
        try:
            os.makedirs(self.directory, 0o700, exist_ok=True)
            if not os.path.exists(self.path("ca.crt")):
                self._make_ca()
            if self._is_stale("server.crt", names):
                self._make_leaf("server", names=names)
            if self._is_stale("admin.crt", ()):
                self._make_leaf(ADMIN, organization=_MASTERS)
            if not os.path.exists(self.path("admin.token")):
                self._write("admin.token", secrets.token_urlsafe(32).encode() + b"\n")
        except OSError as error:
            raise HostError(f"{error.filename or self.directory}: {error.strerror}") from None
        except ValueError as error:
            raise HostError(f"{self.directory}: damaged: {error}; remove it to have it made anew") from None

    def token(self) -> str:
        """Of the administrator."""
        return self.read("admin.token").decode("ascii", "replace").strip()

    # --- making -------------------------------------------------------------------------------------------------------

    def _make_ca(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"nsrunner-ca-{secrets.token_hex(4)}")

        def extend(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
            usage = x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            return builder.add_extension(usage, critical=True)

        self._sign("ca", key, name, issuer=name, signer=key, days=_CA_DAYS, extend=extend)

    def _make_leaf(self, which: str, *, names: Iterable[str] = (), organization: str = "") -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.x509.oid import ExtendedKeyUsageOID

        ca = x509.load_pem_x509_certificate(self.read("ca.crt"))
        signer = load_pem_private_key(self.read("ca.key"), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ValueError("ca.key is of another kind")
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH

        def extend(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
            builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            if names:
                builder = builder.add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
            return builder

        subject = _name("nsrunner" if names else which, organization)
        key = ec.generate_private_key(ec.SECP256R1())
        self._sign(which, key, subject, issuer=ca.subject, signer=signer, days=_LEAF_DAYS, extend=extend)

    def _sign(
        self,
        which: str,
        key: EllipticCurvePrivateKey,
        subject: x509.Name,
        *,
        issuer: x509.Name,
        signer: EllipticCurvePrivateKey,
        days: int,
        extend: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    ) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of clients differ
            .not_valid_after(now + datetime.timedelta(days=days))
        )
        certificate = extend(builder).sign(signer, hashes.SHA256())
        plain = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        self._write(f"{which}.key", secret)
        self._write(f"{which}.crt", certificate.public_bytes(serialization.Encoding.PEM))

    def _write(self, name: str, data: bytes) -> None:
        fresh = self.path(f"{name}.new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        os.rename(fresh, self.path(name))

    def _is_stale(self, name: str, names: Sequence[str]) -> bool:
        if not os.path.exists(self.path(name)):
            return True
        from cryptography import x509

        certificate = x509.load_pem_x509_certificate(self.read(name))
        left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        if left < datetime.timedelta(days=_RENEW_DAYS):
            return True
        if not names:
            return False
        there = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(_general(names)) != set(there)


def _name(common: str, organization: str = "") -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common[:64])]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _general(names: Iterable[str]) -> list[x509.GeneralName]:
    from cryptography import x509

    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def server_context(pki: Pki) -> ssl.SSLContext:
    """TLS for the API: clients may show a certificate of ours; those who show none need a token. Raises HostError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
        context.load_verify_locations(pki.path("ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise HostError(f"{pki.directory}: {error}") from None
    return context
