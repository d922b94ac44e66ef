"""``nsrunner kubeconfig``: what kubectl and the Kubernetes clients need to reach the daemon."""

from __future__ import annotations

import argparse
import base64
import os
from typing import Final

from ..errors import UsageError
from . import exits
from .output import say, write
from .parser import Parser

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner kubeconfig [--output FILE]"

_DESCRIPTION: Final = """\
Print a kubeconfig for the daemon of this machine, with a client certificate in it: whoever has it is root here.

The daemon listens for such clients when its configuration says "listen: 127.0.0.1:6550". The certificates are made on
first use.
"""

_EPILOG: Final = """\
examples:
  nsrunner kubeconfig > ~/.kube/config
  KUBECONFIG=<(nsrunner kubeconfig) kubectl get pods

exit codes:
  0  printed
  1  not root, or the certificates cannot be made
  2  bad usage, or a configuration without "listen"
"""


def parser() -> Parser:
    verb = Parser("nsrunner kubeconfig", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("--config", default="", metavar="FILE", help="the daemon's configuration")
    verb.add_argument("--server", default="", metavar="URL", help="instead of the configuration's address")
    verb.add_argument("--output", default="", metavar="FILE", help="write it there (0600) instead of printing it")
    return verb


def run(options: argparse.Namespace) -> int:
    from ..api.certificates import Pki
    from ..daemon.config import load_config
    from ..daemon.serving import pki_directory, server_names
    from ..library.engine import require_root
    from ..sandbox.state import Roots

    require_root()
    config = load_config(options.config)
    server = options.server or (f"https://{config.listen}" if config.listen else "")
    if not server:
        raise UsageError('the daemon has no TCP address: set "listen: 127.0.0.1:6550" in its configuration')
    pki = Pki(pki_directory(Roots.from_environment()))
    pki.ensure(server_names(config))
    text = _text(server, pki.read("ca.crt"), pki.read("admin.crt"), pki.read("admin.key"))
    if options.output:
        fd = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
        say(f"wrote {options.output}: KUBECONFIG={options.output} kubectl get pods")
    else:
        write(text)
    return exits.OK


def _text(server: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    def data(content: bytes) -> str:
        return base64.b64encode(content).decode()

    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: nsrunner
  cluster:
    server: {server}
    certificate-authority-data: {data(authority)}
users:
- name: nsrunner-admin
  user:
    client-certificate-data: {data(certificate)}
    client-key-data: {data(key)}
contexts:
- name: nsrunner
  context:
    cluster: nsrunner
    user: nsrunner-admin
    namespace: default
current-context: nsrunner
"""
