"""The installation's own authority, and TLS with it over a real connection."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from pathlib import Path

import pytest

from nsrunner.api.certificates import Pki, server_context
from nsrunner.errors import HostError

NAMES = ["localhost", "127.0.0.1", "node-1"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    found = Pki(str(tmp_path_factory.mktemp("pki") / "own"))
    found.ensure(NAMES)
    return found


def files(pki: Pki) -> dict[str, bytes]:
    return {name: pki.read(name) for name in sorted(os.listdir(pki.directory))}


def test_what_is_made_is_roots_alone_and_stays(pki: Pki) -> None:
    made = files(pki)
    assert list(made) == ["admin.crt", "admin.key", "admin.token", "ca.crt", "ca.key", "server.crt", "server.key"]
    assert os.stat(pki.directory).st_mode & 0o777 == 0o700
    assert all(os.stat(pki.path(name)).st_mode & 0o777 == 0o600 for name in made)
    assert len(pki.token()) > 40
    pki.ensure(NAMES)
    assert files(pki) == made


def test_the_servers_is_made_anew_for_other_names(tmp_path: Path) -> None:
    pki = Pki(str(tmp_path))
    pki.ensure(NAMES)
    before = files(pki)
    pki.ensure([*NAMES, "192.0.2.7"])
    changed = {name for name, data in files(pki).items() if data != before[name]}
    assert changed == {"server.crt", "server.key"}


def test_damage_is_told(tmp_path: Path) -> None:
    pki = Pki(str(tmp_path))
    with pytest.raises(HostError, match="No such file"):
        pki.token()
    (tmp_path / "ca.crt").write_text("odd")
    (tmp_path / "ca.key").write_text("odd")
    with pytest.raises(HostError, match=r"damaged: .*remove it to have it made anew"):
        pki.ensure(NAMES)
    with pytest.raises(HostError):
        server_context(pki)


def handshake(pki: Pki, client: ssl.SSLContext) -> str:
    """The common name that the server sees of the client, or why it refused."""
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def accept() -> None:
            connection, _ = server.accept()
            connection.settimeout(30)
            with connection:
                try:
                    with server_context(pki).wrap_socket(connection, server_side=True) as tls:
                        subject = (tls.getpeercert() or {}).get("subject", ())
                        seen.append(dict(pair for part in subject for pair in part).get("commonName", ""))
                        tls.sendall(b".")
                except (ssl.SSLError, OSError) as error:
                    seen.append(f"refused: {getattr(error, 'reason', error)}")

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            with (
                socket.create_connection(server.getsockname(), timeout=30) as plain,
                client.wrap_socket(plain, server_hostname="localhost") as tls,
            ):
                tls.recv(1)
        except (ssl.SSLError, OSError):
            pass
        thread.join(30)
    return seen[0]


def trusting(pki: Pki) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pki.path("ca.crt"))


def test_clients(pki: Pki, tmp_path: Path) -> None:
    assert handshake(pki, trusting(pki)) == ""  # needs a token
    ours = trusting(pki)
    ours.load_cert_chain(pki.path("admin.crt"), pki.path("admin.key"))
    assert handshake(pki, ours) == "admin"


def test_a_certificate_of_another_authority_is_refused(pki: Pki, tmp_path: Path) -> None:
    other = Pki(str(tmp_path))
    other.ensure(NAMES)
    stranger = trusting(pki)
    stranger.load_cert_chain(other.path("admin.crt"), other.path("admin.key"))
    assert handshake(pki, stranger).startswith("refused: CERTIFICATE_VERIFY_FAILED")
    assert handshake(pki, trusting(other)).startswith("refused: ")  # and we are not theirs


def test_the_servers_certificate_is_no_clients(pki: Pki) -> None:
    wrong = trusting(pki)
    wrong.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
    assert handshake(pki, wrong).startswith("refused: ")


def test_old_versions_are_refused(pki: Pki) -> None:
    old = trusting(pki)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(pki, old) == ""
    assert server_context(pki).minimum_version == ssl.TLSVersion.TLSv1_2
