"""The fixture that the other tests of the daemon stand on: a pod runs, outlives its daemon, and is ended with it."""

from __future__ import annotations

import signal

import pytest

import real_pods
from kubectls import kubectl as kubectl
from real_daemon import RealDaemon
from real_daemon import daemon as daemon


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_pod_outlives_the_daemon_and_not_the_test(daemon: RealDaemon, number: int) -> None:
    pod = daemon.create(real_pods.pod(name="web"))
    assert daemon.stop(number) == (0 if number == signal.SIGTERM else -number), daemon.log
    daemon.start()
    again = daemon.call("GET", "/namespaces/default/pods/web")
    assert again["status"]["containerStatuses"] == pod["status"]["containerStatuses"]
    daemon.delete("web")
    assert daemon.call("GET", "/namespaces/default/pods")["items"] == []
    daemon.create(real_pods.pod(name="left"))


@pytest.mark.usefixtures("kubectl")
def test_kubectl_reaches_it(daemon: RealDaemon) -> None:
    daemon.create(real_pods.pod(name="web"))
    assert daemon.kubectl("get", "pods", "-o", "name").stdout == "pod/web\n"
    assert daemon.nsrunner("get", "pods", "-o", "name").stdout == "pod/web\n"
