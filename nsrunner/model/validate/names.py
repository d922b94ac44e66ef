"""Grammars of names (apimachinery ``pkg/util/validation``): each function returns what is wrong, nothing if it is fine.

All patterns match whole strings: ``$`` would let a trailing newline through, and names become paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = [
    "NameCheck",
    "config_map_key",
    "dns_label",
    "dns_subdomain",
    "dns_subdomain_relaxed",
    "env_var_name",
    "group_id",
    "http_header_name",
    "ip_address",
    "label_value",
    "port_name",
    "port_number",
    "qualified_name",
    "sysctl_name",
    "user_id",
]

NameCheck: TypeAlias = Callable[[str], list[str]]

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_RELAXED_LABEL: Final = "[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?"
_RELAXED_SUBDOMAIN: Final = rf"{_RELAXED_LABEL}(\.{_RELAXED_LABEL})*"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE: Final = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_HTTP_HEADER: Final = "[-A-Za-z0-9]+"
_CONFIG_MAP_KEY: Final = "[-._a-zA-Z0-9]+"
_SYSCTL_SEGMENT: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = rf"({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}"

_LABEL_LENGTH: Final = 63
_SUBDOMAIN_LENGTH: Final = 253
_MAX_ID: Final = 2**31 - 1


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None  # re keeps compiled patterns


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def _regex_error(message: str, pattern: str, *examples: str) -> str:
    shown = "".join(f"'{example}', {'or ' if example != examples[-1] else ''}" for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


def _grammar(text: str, pattern: str, limit: int, message: str, *examples: str) -> list[str]:
    errors = [_too_long(limit)] if len(text.encode()) > limit else []
    if not _matches(pattern, text):
        errors.append(_regex_error(message, pattern, *examples))
    return errors


def dns_label(text: str) -> list[str]:
    """RFC 1123 label: names of containers, volumes, namespaces."""
    return _grammar(
        text,
        _LABEL,
        _LABEL_LENGTH,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character",
        "my-name",
        "123-abc",
    )


def dns_subdomain(text: str) -> list[str]:
    """RFC 1123 subdomain: names of most objects."""
    return _grammar(
        text,
        _SUBDOMAIN,
        _SUBDOMAIN_LENGTH,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character",
        "example.com",
    )


def dns_subdomain_relaxed(text: str) -> list[str]:
    """A subdomain in which underscores are allowed: search domains of dnsConfig."""
    return _grammar(
        text,
        _RELAXED_SUBDOMAIN,
        _SUBDOMAIN_LENGTH,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character, or '_'",
        "example.com",
    )


def qualified_name(text: str) -> list[str]:
    """A name with an optional DNS prefix: keys of labels and annotations, names of resources and conditions."""
    prefix, slash, name = text.rpartition("/")
    errors: list[str] = []
    if slash:
        if "/" in prefix:
            return [
                _regex_error(
                    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
                    "with an alphanumeric character",
                    _QUALIFIED,
                    "MyName",
                    "my.name",
                    "123-abc",
                )
                + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ]
        if not prefix:
            errors.append("prefix part must be non-empty")
        else:
            errors += [f"prefix part {message}" for message in dns_subdomain(prefix)]
    if not name:
        return [*errors, "name part must be non-empty"]
    part = _grammar(
        name,
        _QUALIFIED,
        _LABEL_LENGTH,
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
        "character",
        "MyName",
        "my.name",
        "123-abc",
    )
    return errors + [f"name part {message}" for message in part]


def label_value(text: str) -> list[str]:
    return _grammar(
        text,
        _LABEL_VALUE,
        _LABEL_LENGTH,
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character",
        "MyValue",
        "my_value",
        "12345",
    )


def env_var_name(text: str) -> list[str]:
    """Any printable ASCII but the equals sign (the relaxed rule of Kubernetes 1.34)."""
    if not text:
        return ["environment variable name must not be empty"]
    if all(" " <= char <= "~" and char != "=" for char in text):
        return []
    message = (
        "a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. "
        "'my.env-name' or 'MY_ENV.NAME' or 'MyEnvName1')"
    )
    return [message]


def config_map_key(text: str) -> list[str]:
    errors = _grammar(
        text,
        _CONFIG_MAP_KEY,
        _SUBDOMAIN_LENGTH,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "key.name",
        "KEY_NAME",
        "key-name",
    )
    if text == ".":
        errors.append("must not be '.'")
    elif text == "..":
        errors.append("must not be '..'")
    elif text.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def http_header_name(text: str) -> list[str]:
    if _matches(_HTTP_HEADER, text):
        return []
    return [
        _regex_error(
            "a valid HTTP header must consist of alphanumeric characters or '-'", _HTTP_HEADER, "X-Header-Name"
        )
    ]


def sysctl_name(text: str) -> list[str]:
    errors = [_too_long(_SUBDOMAIN_LENGTH)] if len(text) > _SUBDOMAIN_LENGTH else []
    if not _matches(_SYSCTL, text):
        errors.append(f"must have at most 253 characters and match regex ^{_SYSCTL}$")
    return errors


def port_name(text: str) -> list[str]:
    errors: list[str] = []
    if len(text) > 15:
        errors.append("must be no more than 15 characters")
    if not _matches("[-a-z0-9]+", text):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        errors.append("must contain at least one letter (a-z)")
    if "--" in text:
        errors.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number(number: int) -> list[str]:
    return [] if 1 <= number <= 65535 else ["must be between 1 and 65535, inclusive"]


def user_id(number: int) -> list[str]:
    return [] if 0 <= number <= _MAX_ID else [f"must be between 0 and {_MAX_ID}, inclusive"]


group_id = user_id


def ip_address(text: str) -> list[str]:
    import ipaddress  # for the few manifests that hold an address

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []
