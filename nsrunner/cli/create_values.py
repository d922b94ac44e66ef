"""ConfigMaps, Secrets, Namespaces and ServiceAccounts from a command line's values and files, by kubectl's rules."""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
from collections.abc import Iterator
from typing import Any, Final

from ..errors import UsageError
from .manifest import read_file

__all__ = ["DOCKER_HUB", "config_map", "docker_secret", "namespace", "secret", "service_account", "tls_secret"]

DOCKER_HUB: Final = "https://index.docker.io/v1/"

_KEY: Final = r"[-._a-zA-Z0-9]+"
_VARIABLE: Final = r"[-._a-zA-Z][-._a-zA-Z0-9]*"


def config_map(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Raises UsageError."""
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in _values(options):
        try:
            text[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(value).decode()
    object: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    if text:
        object["data"] = text
    if binary:
        object["binaryData"] = binary
    return object


def secret(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Raises UsageError."""
    data = {key: base64.b64encode(value).decode() for key, value in _values(options)}
    object: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": options.type}
    if data:
        object["data"] = data
    return object


def tls_secret(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Raises UsageError, and ManifestError for a file that cannot be read."""
    if not options.cert or not options.key:
        raise UsageError("key and cert must be specified")
    files = {"tls.crt": options.cert, "tls.key": options.key}
    data = {key: base64.b64encode(read_file(path)).decode() for key, path in files.items()}
    return _secret(name, "kubernetes.io/tls", data)


def docker_secret(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Raises UsageError."""
    kind = "kubernetes.io/dockerconfigjson"
    if options.from_file:
        data = {key: base64.b64encode(value).decode() for key, value in _values(options)}
        return _secret(name, kind, data)
    if not options.docker_username or not options.docker_password:
        raise UsageError("either --from-file or --docker-username and --docker-password must be provided")
    pair = f"{options.docker_username}:{options.docker_password}"
    login = {"username": options.docker_username, "password": options.docker_password}
    if options.docker_email:
        login["email"] = options.docker_email
    login["auth"] = base64.b64encode(pair.encode()).decode()
    config = json.dumps({"auths": {options.docker_server: login}}, separators=(",", ":"))
    return _secret(name, kind, {".dockerconfigjson": base64.b64encode(config.encode()).decode()})


def _secret(name: str, kind: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data}


def service_account(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _values(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """Keys with their values, each key once. Raises UsageError."""
    if options.from_env_file and (options.from_file or options.from_literal):
        raise UsageError("from-env-file cannot be combined with from-file or from-literal")
    seen: set[str] = set()
    for key, value in _all(options):
        if not re.fullmatch(_KEY, key) or len(key) > 253 or key in (".", ".."):
            raise UsageError(f'"{key}" is not a valid key name: letters, digits, "-", "_" and "." are allowed')
        if key in seen:
            raise UsageError(f'cannot add key "{key}", another key by that name already exists')
        seen.add(key)
        yield key, value


def _all(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    for literal in options.from_literal:
        key, equals, value = literal.partition("=")
        if not equals or not key:
            raise UsageError(f"invalid literal source {literal}, expected key=value")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        yield key, os.fsencode(value)
    for source in options.from_file:
        key, equals, path = source.partition("=")
        if not equals:
            key, path = "", source
        elif not key or not path:
            raise UsageError(f"key name or file path for file source {source} missing")
        if key or not os.path.isdir(path):
            yield key or os.path.basename(path), read_file(path)
            continue
        for name in sorted(os.listdir(path)):
            inside = os.path.join(path, name)
            if os.path.isfile(inside) and re.fullmatch(_KEY, name):
                yield name, read_file(inside)
    for path in options.from_env_file:
        yield from _environment(path)


def _environment(path: str) -> Iterator[tuple[str, bytes]]:
    """Lines ``KEY=VALUE``; ``KEY`` alone takes the value from our own environment."""
    for number, raw in enumerate(read_file(path).split(b"\n"), 1):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        line = line.rstrip(b"\r").lstrip()
        if not line or line.startswith(b"#"):
            continue
        key, equals, value = line.partition(b"=")
        name = os.fsdecode(key)
        if not re.fullmatch(_VARIABLE, name):
            raise UsageError(f'{path}: line {number}: "{name}" is not a valid key name')
        if equals:
            yield name, value
        elif name in os.environ:
            yield name, os.fsencode(os.environ[name])
