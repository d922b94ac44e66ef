from __future__ import annotations

import pytest

from nsrunner.model.validate import names

LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"


def test_the_wording_is_upstreams() -> None:
    assert names.dns_label("Bad_Name") == [LABEL]
    assert names.dns_label("a" * 64) == ["must be no more than 63 bytes"]
    assert names.dns_subdomain("A")[0].endswith(
        "(e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    assert names.qualified_name("-")[0].startswith("name part must consist of alphanumeric characters, '-', '_' or '.'")
    assert names.qualified_name("-")[0].endswith(
        "(e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )
    assert names.port_number(0) == ["must be between 1 and 65535, inclusive"]
    assert names.user_id(-1) == ["must be between 0 and 2147483647, inclusive"]


GOOD = {
    names.dns_label: ["a", "a-b", "0", "a" * 63],
    names.dns_subdomain: ["a", "a.b", "a-1.b-2", "a" * 253],
    names.dns_subdomain_relaxed: ["a_b.c", "_tcp.example"],
    names.qualified_name: ["a", "A.b_c-d", "example.com/Name", "a" * 63, "x/" + "a" * 63],
    names.label_value: ["", "a", "A.b_c-d", "1"],
    names.env_var_name: ["A", "1", "a b", "a.b-c", "~!@#$%^&*()"],
    names.config_map_key: ["a", ".a", "A_b-c.d", "a..b"],
    names.http_header_name: ["X-A", "a1"],
    names.sysctl_name: ["a", "a.b", "a/b-c.d_e"],
    names.port_name: ["http", "a", "1a", "a-b-c"],
    names.ip_address: ["10.0.0.1", "::1", "fd00::1", "::ffff:1.2.3.4"],
}
BAD = {
    names.dns_label: ["", "A", "a_b", "-a", "a-", "a.b", "a\n", "a" * 64, "ä", "é"],
    names.dns_subdomain: ["", "A", "a..b", ".a", "a.", "a\n", "a" * 254, "a_b"],
    names.dns_subdomain_relaxed: ["", "A", "a..b", "-a"],
    names.qualified_name: ["", "/", "a/", "/a", "a/b/c", "A/b", "-a", "a-", "a b", "a\n", "a" * 64],
    names.label_value: ["-", "a b", "a\n", "a" * 64, "ü", "a/b"],
    names.env_var_name: ["", "A=B", "a\n", "\t", "ä", "\x7f"],
    names.config_map_key: ["", ".", "..", "..a", "a/b", "a b", "a\n", "a" * 254],
    names.http_header_name: ["", "A B", "A:", "A\r\n"],
    names.sysctl_name: ["", "a.", ".a", "a..b", "A", "a b", "a" * 254, "a\n"],
    names.port_name: ["", "a" * 16, "A", "1", "a--b", "-a", "a-", "a_b", "a\n"],
    names.ip_address: [
        "",
        "1.2.3",
        "1.2.3.4/24",
        "010.0.0.1",
        "1.2.3.256",
        "fe80::1%eth0",
        "a",
        "1.2.3.4\n",
        " 1.2.3.4",
    ],
}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        pytest.param(check, text, id=f"{check.__name__}-{text[:12]!r}")
        for check, texts in GOOD.items()
        for text in texts
    ],
)
def test_good(check: names.NameCheck, text: str) -> None:
    assert check(text) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [pytest.param(check, text, id=f"{check.__name__}-{text[:12]!r}") for check, texts in BAD.items() for text in texts],
)
def test_bad(check: names.NameCheck, text: str) -> None:
    assert check(text)


def test_several_rules_may_be_broken_at_once() -> None:
    assert len(names.port_name("-A--" + "b" * 20)) == 4
    assert len(names.dns_label("A" * 70)) == 2
    assert names.qualified_name("A/")[-1] == "name part must be non-empty"
    assert names.config_map_key("..") == ["must not be '..'"]
    assert names.config_map_key(".") == ["must not be '.'"]
    assert names.config_map_key("..a") == ["must not start with '..'"]


@pytest.mark.parametrize(("number", "good"), [(0, False), (1, True), (65535, True), (65536, False), (-1, False)])
def test_ports(number: int, good: bool) -> None:
    assert (names.port_number(number) == []) is good


@pytest.mark.parametrize(("number", "good"), [(0, True), (2**31 - 1, True), (2**31, False), (-1, False)])
def test_ids(number: int, good: bool) -> None:
    assert (names.user_id(number) == []) is good
    assert (names.group_id(number) == []) is good
