from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


@pytest.mark.parametrize(
    ("policy", "config", "expected"),
    [
        ("Default", None, []),
        (
            "None",
            {
                "nameservers": ["1.1.1.1"],
                "searches": [".", "a_b.c.", "d"],
                "options": [{"name": "ndots", "value": "1"}],
            },
            [],
        ),
        (
            "x",
            None,
            [
                'spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"'
            ],
        ),
        ("None", None, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            "None",
            {},
            [
                "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"
            ],
        ),
        (
            "Default",
            {"nameservers": ["1.1.1.1", "x", "1.1.1.3", "1.1.1.4"]},
            [
                "spec.dnsConfig.nameservers: Invalid value: a list: must not have more than 3 nameservers",
                f'spec.dnsConfig.nameservers[1]: Invalid value: "x": {IP}',
            ],
        ),
        (
            "Default",
            {"searches": ["a"] * 33},
            ["spec.dnsConfig.searches: Invalid value: a list: must not have more than 32 search paths"],
        ),
        (
            "Default",
            {"searches": ["a" * 250] * 9},
            [
                "spec.dnsConfig.searches: Invalid value: a list: must not have more than 2048 characters (including spaces) "
                "in the search list"
            ],
        ),
        ("Default", {"options": [{"value": "x"}]}, ["spec.dnsConfig.options[0]: Required value: must not be empty"]),
    ],
)
def test_dns(pod_problems: Problems, policy: str, config: dict[str, Any] | None, expected: list[str]) -> None:
    assert pod_problems(dnsPolicy=policy, dnsConfig=config) == expected


def test_searches(pod_problems: Problems) -> None:
    (problem,) = pod_problems(dnsConfig={"searches": ["a b\n"]})
    assert problem.startswith('spec.dnsConfig.searches[0]: Invalid value: "a b\\n": a lowercase RFC 1123 subdomain')


@pytest.mark.parametrize(
    ("spec", "start"),
    [
        ({"hostname": "A"}, 'spec.hostname: Invalid value: "A": a lowercase RFC 1123 label'),
        ({"subdomain": "a.b"}, 'spec.subdomain: Invalid value: "a.b": a lowercase RFC 1123 label'),
        ({"hostnameOverride": ""}, 'spec.hostnameOverride: Invalid value: "": a lowercase RFC 1123 subdomain'),
        (
            {"hostnameOverride": "a" * 65},
            'spec.hostnameOverride: Invalid value: "' + "a" * 65 + '": must be no more than 64 characters',
        ),
        (
            {"hostnameOverride": "a", "hostNetwork": True},
            "spec.hostnameOverride: Forbidden: cannot be set when spec.hostNetwork is true",
        ),
        (
            {"hostnameOverride": "a", "setHostnameAsFQDN": True},
            "spec.hostnameOverride: Forbidden: cannot be set when spec.setHostnameAsFQDN is true",
        ),
        ({"hostAliases": [{"ip": "x"}]}, f'spec.hostAliases[0].ip: Invalid value: "x": {IP}'),
        (
            {"hostAliases": [{"ip": "::1", "hostnames": ["a", "b\nc"]}]},
            'spec.hostAliases[0].hostnames[1]: Invalid value: "b\\nc": a lowercase RFC 1123 subdomain',
        ),
    ],
)
def test_bad_host_names(pod_problems: Problems, spec: dict[str, Any], start: str) -> None:
    (problem,) = pod_problems(**spec)
    assert problem.startswith(start)


def test_good_host_names(pod_problems: Problems) -> None:
    aliases = [{"ip": "127.0.0.1", "hostnames": ["a.b", "c"]}]
    assert pod_problems(hostname="a", subdomain="b", setHostnameAsFQDN=True, hostAliases=aliases) == []
    assert pod_problems(hostnameOverride="a.b") == []
