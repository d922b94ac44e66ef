"""The configuration file: every key, every refusal with its path."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from nsrunner.daemon import config
from nsrunner.daemon.config import Config, load_config
from nsrunner.daemon.service import CONFIG
from nsrunner.errors import ManifestError

KEYS = [field.encode_name for field in msgspec.structs.fields(Config)]
FULL = """\
apiVersion: nsrunner.dev/v1
kind: DaemonConfiguration
staticPodPath: /etc/nsrunner/manifests
staticPodURL: https://example.com/pods
staticPodURLHeader: {Authorization: [x]}
fileCheckFrequency: 5s
httpCheckFrequency: 1m30s
listen: "[::1]:6550"
serviceAccountAccess: view
hostnameOverride: node-7
imageFallback: host
podNetwork: none
podAddress: 198.51.100.1/24
clusterDNS: [10.0.0.10, "fd00::10"]
clusterDomain: example.org
containerLogMaxSize: 1Mi
containerLogMaxFiles: 2
crashLoopBackOff: {maxContainerRestartPeriod: 60s}
allowedUnsafeSysctls: ["net.*"]
seccompDefault: false
nodeStatusUpdateFrequency: 20s
nodeStatusReportFrequency: 1m
shutdownGracePeriod: 30s
shutdownGracePeriodCriticalPods: 10s
shutdownDetection: term
logLevel: debug
"""


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", str(tmp_path / "none.yaml"))


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(str(path))


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/c.yaml: DaemonConfiguration is invalid")
    return [str(error) for error in caught.value.errors]


def test_every_key(tmp_path: Path) -> None:
    found = load(tmp_path, FULL)
    defaults = Config()
    for field in msgspec.structs.fields(Config):
        if field.encode_name != "podNetwork":
            assert getattr(found, field.name) != getattr(defaults, field.name), field.encode_name
    assert all(f"\n{key}:" in FULL for key in KEYS)
    assert (found.http_check_frequency, found.cluster_dns) == (90.0, ("10.0.0.10", "fd00::10"))
    assert found.crash_loop_back_off.max_container_restart_period == 60


def test_nothing_is_the_defaults(tmp_path: Path) -> None:
    assert load_config() == load(tmp_path, "") == load(tmp_path, "# nothing\n") == load(tmp_path, "{}") == Config()


def test_the_installed_configuration_names_every_key_with_its_default(tmp_path: Path) -> None:
    assert load(tmp_path, CONFIG) == Config()
    keys = [line for line in CONFIG.splitlines() if line.startswith("# ") and line[2:3].islower()]
    settings = [line[2:] for line in keys if line[2:].partition(":")[0] in KEYS]
    assert [line.partition(":")[0] for line in settings] and {line.partition(":")[0] for line in settings} == set(KEYS)
    assert load(tmp_path, "\n".join(settings)) == Config()


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_config(str(tmp_path / "missing.yaml"))


def test_flags_count_instead_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("staticPodPath: /a\nstaticPodURL: http://a\n")
    monkeypatch.chdir(tmp_path)
    found = load_config(str(path), static_pod_path="pods", static_pod_url="http://b")
    assert (found.static_pod_path, found.static_pod_url) == (str(tmp_path / "pods"), "http://b")
    assert load_config(static_pod_url="http://b") == Config(static_pod_url="http://b")
    with pytest.raises(ManifestError, match='staticPodURL: Invalid value: "ftp://b"'):
        load_config(static_pod_url="ftp://b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("staticPodpath: /a", ['staticPodpath: Unknown field (did you mean "staticPodPath"?)']),
        ("staticPodPath: a", ['staticPodPath: Invalid value: "a": must be an absolute path']),
        ("staticPodURL: a", ['staticPodURL: Invalid value: "a": must be an http:// or https:// URL']),
        ("imageFallback: x", ['imageFallback: Unsupported value: "x": supported values: "host"']),
        ("podNetwork: bridge", ['podNetwork: Unsupported value: "bridge": supported values: "none"']),
        ("podAddress: x", ['podAddress: Invalid value: "x": must be ADDRESS/PREFIX, such as 192.0.2.1/32']),
        ("clusterDNS: [1.1.1.1, x]", ['clusterDNS[1]: Invalid value: "x": must be an IP address']),
        ("containerLogMaxFiles: 1", ["containerLogMaxFiles: Invalid value: 1: must be 2 or more"]),
        ("containerLogMaxSize: 0", ['containerLogMaxSize: Invalid value: "0": must be positive']),
        (
            "crashLoopBackOff: {maxContainerRestartPeriod: 301s}",
            [
                'crashLoopBackOff.maxContainerRestartPeriod: Invalid value: "301.0": '
                "must be between 1 and 300 seconds, inclusive"
            ],
        ),
        (
            "fileCheckFrequency: 0s\nhttpCheckFrequency: 48h",
            [
                'fileCheckFrequency: Invalid value: "0.0": must be between 1 and 86400 seconds, inclusive',
                'httpCheckFrequency: Invalid value: "172800.0": must be between 1 and 86400 seconds, inclusive',
            ],
        ),
        (
            "shutdownGracePeriodCriticalPods: 3s",
            [
                'shutdownGracePeriodCriticalPods: Invalid value: "3.0": '
                "must not be negative or above shutdownGracePeriod"
            ],
        ),
        (
            "logLevel: loud",
            ['logLevel: Unsupported value: "loud": supported values: "debug", "error", "info", "warning"'],
        ),
        ("allowedUnsafeSysctls: ['*']", None),
        ("hostnameOverride: A_b", None),
        ("listen: 127.0.0.1", ['listen: Invalid value: "127.0.0.1": must be ADDRESS:PORT, such as 127.0.0.1:6550']),
        ("listen: '::1:80'", None),
        ("listen: ':80'", None),
        ("listen: 127.0.0.1:0", None),
        ("listen: 127.0.0.1:65536", None),
        ("listen: 6550", None),
        (
            "kind: Pod",
            [
                'kind: Unsupported value: "nsrunner.dev/v1 Pod": '
                'supported values: "nsrunner.dev/v1 DaemonConfiguration"'
            ],
        ),
        ("[1]", ["Invalid value: expected object, got array"]),
        ("a: 1\n---\nb: 2", ["Too many: one document is expected"]),
        ("{", None),
        ("seccompDefault: maybe", None),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, text: str, expected: list[str] | None) -> None:
    found = problems(tmp_path, text)
    assert found and (expected is None or found == expected)


@pytest.mark.parametrize("listen", ["127.0.0.1:6550", "0.0.0.0:1", "[::]:443", "node.example.com:6443", "localhost:80"])
def test_addresses_to_listen_on(tmp_path: Path, listen: str) -> None:
    assert load(tmp_path, f"listen: '{listen}'").listen == listen
