"""The daemon as a service of systemd: its unit files, and the configuration that an installation begins with."""

from __future__ import annotations

from typing import Final

__all__ = ["CONFIG", "SOCKET", "SOCKET_UNIT", "UNIT", "unit"]

UNIT: Final = "nsrunner.service"
SOCKET_UNIT: Final = "nsrunner.socket"

_UNIT: Final = """\
[Unit]
Description=nsrunner: Kubernetes Pods as plain processes
Requires={socket}
After={socket} local-fs.target network.target nss-lookup.target time-sync.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} daemon
Restart=on-failure
RestartSec=1
WatchdogSec=120
TimeoutStartSec=120
TimeoutStopSec=60

# The pods are processes of this unit's cgroup, and none of its business: they stay when the daemon ends or is killed,
# when one of them runs out of memory, and however many they are.
Delegate=yes
KillMode=process
OOMPolicy=continue
OOMScoreAdjust=-999
TasksMax=infinity
LimitNOFILE=524288
LimitNPROC=infinity

RuntimeDirectory=nsrunner
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
StateDirectory=nsrunner
StateDirectoryMode=0700
UMask=0077
KeyringMode=private
# Nothing here that containers would inherit: a mount namespace of the unit's own (ProtectSystem, PrivateTmp ...) would
# cut pods off from later mounts of the host, a seccomp filter or no_new_privs would be theirs, too, and what is taken
# from the bounding set no privileged pod could have. Containers get all of these from their own specs.

[Install]
WantedBy=multi-user.target
"""

SOCKET: Final = """\
[Unit]
Description=nsrunner: API socket

[Socket]
# systemd keeps it while the daemon restarts: clients wait instead of being refused.
ListenStream=/run/nsrunner/api.sock
SocketMode=0600
DirectoryMode=0700
# A TCP address that is added here is served with TLS only: ListenStream=127.0.0.1:6550

[Install]
WantedBy=sockets.target
"""

CONFIG: Final = """\
# The daemon's configuration. Every key has a default, which is what stands here. The names are KubeletConfiguration's
# where it has one. Durations as in Go: 300ms, 1m30s. After a change: systemctl restart nsrunner (no pod notices).
apiVersion: nsrunner.dev/v1
kind: DaemonConfiguration

# --- static pods ---
# A directory of manifests, or one manifest: what lies there runs.
# staticPodPath: ""
# fileCheckFrequency: 20s
# staticPodURL: ""
# staticPodURLHeader: {}
# httpCheckFrequency: 20s

# --- the API ---
# The socket /run/nsrunner/api.sock is always there, for root. An address here is served with TLS, for clients that have
# a certificate or a token of this machine: see "nsrunner kubeconfig".
# listen: ""
# What a service account's token lets a pod do: none (discovery alone), view (its own namespace without secrets), admin.
# serviceAccountAccess: none

# --- this node ---
# The node's name; empty: the host's.
# hostnameOverride: ""
# "host": a container whose image is not there runs on the host's root instead of failing.
# imageFallback: ""
# podNetwork: none
# podAddress: 192.0.2.1/32
# clusterDNS: []
# clusterDomain: cluster.local
# nodeStatusUpdateFrequency: 10s
# nodeStatusReportFrequency: 5m

# --- containers ---
# containerLogMaxSize: 10Mi
# containerLogMaxFiles: 5
# crashLoopBackOff: {maxContainerRestartPeriod: 5m}
# allowedUnsafeSysctls: []
# seccompDefault: true

# --- the end ---
# Time for all pods to end when the machine goes down, and the part of it that is kept for critical ones; 0s: none.
# shutdownGracePeriod: 0s
# shutdownGracePeriodCriticalPods: 0s
# How a TERM is known to be the machine's end: systemd is asked, or (term) it always is.
# shutdownDetection: systemd

# debug, info, warning, error
# logLevel: info
"""


def unit(program: tuple[str, ...]) -> str:
    """The service's unit file. ``program``: the command line of nsrunner, without a verb."""
    return _UNIT.format(program=" ".join(map(_quoted, program)), socket=SOCKET_UNIT)


def _quoted(word: str) -> str:
    """For ExecStart (systemd.service(5), systemd.syntax(7))."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if any(char in word for char in " \t'\"\\;") else word
