"""What a container is called, and the files that say so: hostname, hosts, resolv.conf."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from real_pods import container, next_event, pod, shell, start

SHOW = "uname -n; cat /etc/hostname; tail -n +8 /etc/hosts"
"""Of /etc/hosts: what follows the lines that are in all of them."""


def show(**spec: Any) -> list[str]:
    with start(pod(shell("main", SHOW), name="web", **spec)) as running:
        running.wait("Succeeded", timeout=20)
        return running.logs().splitlines()


def test_the_pods_name_is_the_hosts_name() -> None:
    assert show() == ["web", "web", "192.0.2.1\tweb"]


def test_host_name_and_subdomain() -> None:
    full = "box.sub.default.svc.cluster.local"
    assert show(hostname="box", subdomain="sub") == ["box", "box", f"192.0.2.1\t{full}\tbox"]
    assert show(hostname="box", subdomain="sub", setHostnameAsFQDN=True) == [full, full, f"192.0.2.1\t{full}\tbox"]


def test_a_full_name_that_is_too_long_keeps_the_pod_pending() -> None:
    spec: dict[str, Any] = {"hostname": "h" * 63, "subdomain": "sub", "setHostnameAsFQDN": True}
    with start(pod(**spec)) as running:
        event = next_event(running.events(), "FailedCreatePodSandBox")
        assert "is too long (64 characters is the max, " in event.message
        assert running.status.phase == "Pending"


def test_hosts_with_aliases() -> None:
    aliases = [{"ip": "10.1.2.3", "hostnames": ["one", "two"]}]
    with start(pod(shell("main", "cat /etc/hosts"), name="web", hostAliases=aliases)) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs() == (
            "# Kubernetes-managed hosts file.\n"
            "127.0.0.1\tlocalhost\n"
            "::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fe00::0\tip6-localnet\n"
            "fe00::0\tip6-mcastprefix\n"
            "fe00::1\tip6-allnodes\n"
            "fe00::2\tip6-allrouters\n"
            "192.0.2.1\tweb\n"
            "\n"
            "# Entries added by HostAliases.\n"
            "10.1.2.3\tone\ttwo\n"
        )


def test_hosts_of_the_hosts_network() -> None:
    with start(pod(shell("main", "cat /etc/hosts"), hostNetwork=True)) as running:
        running.wait("Succeeded", timeout=20)
        head, _, rest = running.logs().partition("\n")
        assert head == "# Kubernetes-managed hosts file (host network)."
        assert rest.rstrip("\n") == Path("/etc/hosts").read_text().rstrip("\n")


def test_resolv_conf_of_the_manifest() -> None:
    config = {
        "nameservers": ["192.0.2.53"],
        "searches": ["example.org", "example.net"],
        "options": [{"name": "ndots", "value": "3"}, {"name": "rotate"}],
    }
    with start(pod(shell("main", "cat /etc/resolv.conf"), dnsPolicy="None", dnsConfig=config)) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs() == ("search example.org example.net\nnameserver 192.0.2.53\noptions ndots:3 rotate\n")


def test_a_volume_over_a_generated_file(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("my own\n")
    mounts = [{"name": "v", "mountPath": "/etc/hosts"}]
    volumes = [{"name": "v", "hostPath": {"path": str(tmp_path / "hosts"), "type": "File"}}]
    a, b = shell("a", "cat /etc/hosts", volumeMounts=mounts), shell("b", "head -n 1 /etc/hosts")
    with start(pod(a, b, volumes=volumes)) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs("a") == "my own\n"
        assert running.logs("b") == "# Kubernetes-managed hosts file.\n"


def test_the_generated_files_are_the_pods_and_small() -> None:
    host = {path: Path(path).read_bytes() for path in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")}
    with start(pod(container("a"), container("b"))) as running:
        running.wait("Ready", timeout=20)
        assert running.exec("a", ["sh", "-c", "echo 192.0.2.9 added >> /etc/hosts"]).ok
        assert b"192.0.2.9 added\n" in running.exec("b", ["cat", "/etc/hosts"]).stdout
        # CVE-2020-8557: they cannot be made to fill the host's disk or memory
        grown = running.exec("a", ["sh", "-c", "head -c 20000000 /dev/zero >> /etc/resolv.conf"])
        assert b"No space left on device" in grown.stderr
    assert {path: Path(path).read_bytes() for path in host} == host


def test_the_longest_name_that_a_pod_may_have() -> None:
    names = ("a" * 63, "b" * 63)
    with start(pod(*(shell(name, "uname -n") for name in names), name="n" * 253)) as running:
        running.wait("Succeeded", timeout=20)
        assert [running.logs(name) for name in names] == ["n" * 63 + "\n"] * 2
