from __future__ import annotations

import json

from nsrunner.model import encode, encode_json, load
from nsrunner.model.types import (
    ConfigMap,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    Event,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodSpec,
    PodStatus,
    Secret,
    Volume,
)


def test_names_and_absence_are_the_apis() -> None:
    status = ContainerStatus(
        name="a",
        ready=False,
        restart_count=0,
        image="x",
        image_id="",
        state=ContainerState(running=ContainerStateRunning(started_at="2026-01-01T00:00:00Z")),
    )
    pod = Pod(
        metadata=ObjectMeta(name="web"),
        spec=PodSpec(containers=(), host_ipc=True),
        status=PodStatus(phase="Pending", host_ip="10.0.0.1", container_statuses=(status,)),
    )
    assert list(encode(pod).items()) == [
        ("apiVersion", "v1"),
        ("kind", "Pod"),
        ("metadata", {"name": "web"}),
        ("spec", {"containers": [], "hostIPC": True}),
        (
            "status",
            {
                "phase": "Pending",
                "hostIP": "10.0.0.1",
                "containerStatuses": [
                    {
                        "name": "a",
                        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                        "ready": False,
                        "restartCount": 0,
                        "image": "x",
                        "imageID": "",
                    }
                ],
            },
        ),
    ]


def test_bytes_become_base64() -> None:
    assert encode(Secret(data={"a": b"hello"}))["data"] == {"a": "aGVsbG8="}
    assert encode(ConfigMap(binary_data={"a": b"\0"}))["binaryData"] == {"a": "AA=="}


def test_parts_have_no_header() -> None:
    assert encode(Volume(name="v")) == {"name": "v"}


def test_events() -> None:
    event = Event(metadata=ObjectMeta(name="e"), involved_object=ObjectReference(kind="Pod", uid="1"), count=1)
    assert encode(event) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "uid": "1"},
        "count": 1,
    }


def test_what_is_written_is_read_back() -> None:
    text = b"""
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {a: b}}
spec:
  containers:
  - name: main
    image: host
    command: [sleep, "1"]
    resources: {limits: {cpu: 1500m, memory: 0.5Gi}}
    ports: [{containerPort: 80}]
    volumeMounts: [{name: v, mountPath: /v, readOnly: true}]
  volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]
  securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}
"""
    first = load(text)[0].object
    assert first is not None
    again = load(json.dumps(encode(first)).encode())[0]
    assert again.errors == ()
    assert again.object == first


def test_as_json() -> None:
    pod = Pod(metadata=ObjectMeta(name="wéb"), spec=PodSpec(containers=()))
    written = encode_json(pod)
    assert written.startswith('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"wéb"},"spec":'.encode())
    assert json.loads(written) == encode(pod)
    assert encode_json(ObjectMeta(name="x")) == b'{"name":"x"}'
    assert encode_json(Secret()) == b'{"apiVersion":"v1","kind":"Secret"}'
