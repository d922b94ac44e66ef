"""Bodies in protobuf: as Kubernetes' Go clients encode them, and whatever else may come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.errors import ApiError
from nsrunner.api.protobuf import decode_body
from nsrunner.api.protobuf.wire import double, message, number, text


def envelope(raw: bytes, kind: str = "Pod", version: str = "v1") -> bytes:
    """As the protobuf serializer writes it: empty strings of the Go struct are there, too."""
    header = message(1, text(1, version) + text(2, kind))
    return b"k8s\0" + header + message(2, raw) + text(3, "") + text(4, "")


def pod(spec: bytes = b"", metadata: bytes = b"", status: bytes = b"") -> Any:
    return decode_body(envelope(message(1, metadata) + message(2, spec) + message(3, status)))


def entry(key: str, value: bytes) -> bytes:
    return text(1, key) + message(2, value)


def test_a_config_map() -> None:
    metadata = text(1, "conf") + text(2, "") + text(3, "ns") + message(8, b"") + message(11, entry("app", b"web"))
    raw = (
        message(1, metadata)
        + message(2, entry("a", b"1"))
        + message(2, entry("b", b""))
        + message(3, entry("c", b"\xff"))
    )
    assert decode_body(envelope(raw + number(4, 1), "ConfigMap")) == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "conf", "namespace": "ns", "labels": {"app": "web"}},
        "data": {"a": "1", "b": ""},
        "binaryData": {"c": "/w=="},
        "immutable": True,
    }


def test_a_secret() -> None:
    raw = message(1, text(1, "s")) + message(2, entry("p", b"q")) + text(3, "Opaque") + message(4, entry("x", b"y"))
    found = decode_body(envelope(raw, "Secret"))
    assert (found["data"], found["stringData"], found["type"]) == ({"p": "cQ=="}, {"x": "y"}, "Opaque")


def test_a_pod() -> None:
    quantity = entry("cpu", text(1, "100m"))
    probe = message(1, message(2, text(1, "/") + message(2, number(1, 1) + number(2, 0) + text(3, "http")))) + number(
        2, 0
    )
    port = text(1, "") + number(2, 0) + number(3, 80) + text(4, "TCP")
    container = (
        text(1, "c")
        + text(2, "host")
        + text(3, "sleep")
        + text(3, "")
        + message(6, port)
        + message(7, text(1, "A") + text(2, ""))
        + message(8, message(1, quantity))
        + message(10, probe)
        + number(16, 0)
    )
    volume = text(1, "v") + message(2, message(19, message(1, text(1, "conf")) + number(3, 0o644)))
    spec = message(1, volume) + message(2, container) + text(3, "") + number(4, 0) + number(5, 2**64 - 1)
    found = pod(spec + message(7, entry("disk", b"ssd")), text(1, "p"))
    assert found["spec"] == {
        "volumes": [{"name": "v", "configMap": {"name": "conf", "defaultMode": 420}}],
        "containers": [
            {
                "name": "c",
                "image": "host",
                "command": ["sleep", ""],
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "env": [{"name": "A"}],
                "resources": {"limits": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
                "stdin": False,
            }
        ],
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": -1,
        "nodeSelector": {"disk": "ssd"},
    }


def test_times() -> None:
    found = pod(metadata=message(8, number(1, 1_700_000_000) + number(2, 5)))
    assert found["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
    event = message(10, number(1, 1_700_000_000) + number(2, 5000))
    assert decode_body(envelope(event, "Event"))["eventTime"] == "2023-11-14T22:13:20.000005Z"


def test_managed_fields_carry_json() -> None:
    found = pod(metadata=message(17, text(1, "m") + message(7, text(1, '{"f:x":{}}'))))
    assert found["metadata"]["managedFields"] == [{"manager": "m", "fieldsV1": {"f:x": {}}}]


def test_delete_options_come_in_any_group() -> None:
    raw = number(1, 0) + message(2, text(1, "uid")) + text(4, "Background") + text(5, "All")
    for version in ("v1", "meta.k8s.io/v1", "policy/v1"):
        assert decode_body(envelope(raw, "DeleteOptions", version)) == {
            "kind": "DeleteOptions",
            "apiVersion": version,
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "uid"},
            "propagationPolicy": "Background",
            "dryRun": ["All"],
        }


def test_an_access_review() -> None:
    attributes = text(1, "default") + text(2, "create") + text(5, "pods")
    raw = message(2, message(1, attributes))
    found = decode_body(envelope(raw, "SelfSubjectAccessReview", "authorization.k8s.io/v1"))
    assert found["spec"] == {"resourceAttributes": {"namespace": "default", "verb": "create", "resource": "pods"}}


def test_fields_that_are_newer_are_refused_unless_they_are_empty() -> None:
    assert pod(text(999, "") + number(998, 0))["spec"] == {}
    with pytest.raises(ApiError, match=r"field 999 of k8s\.io\.api\.core\.v1\.PodSpec is not known"):
        pod(text(999, "x"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected prefix"),
        (b'{"kind":"Pod"}', "expected prefix"),
        (b"k8s\0\xff", "is not protobuf: unexpected EOF"),
        (envelope(b"", "Song"), 'no kind "Song" is registered for version "v1"'),
        (envelope(b"", "Pod", "apps/v1"), "no kind"),
        (envelope(b"") + text(3, "gzip"), "contentEncoding"),
        (envelope(number(1, 3)), "wrong wireType = 0 for field metadata"),
        (envelope(message(2, text(4, "x"))), "wrong wireType = 2 for field terminationGracePeriodSeconds"),
        (envelope(message(1, message(1, b"\xff"))), "name is not UTF-8"),
        (envelope(message(1, message(8, number(1, 2**62)))), "out of range"),
        (envelope(message(1, message(17, message(7, text(1, "{"))))), "carries JSON"),
        (envelope(message(1, double(1, 1.0))), "wrong wireType"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ApiError, match=message) as caught:
        decode_body(data)
    assert caught.value.code == 400


RECORDS = st.deferred(
    lambda: st.lists(
        st.builds(number, st.integers(1, 45), st.integers(0, 2**64 - 1))
        | st.builds(message, st.integers(1, 45), st.binary(max_size=8))
        | st.builds(message, st.integers(1, 45), RECORDS),
        max_size=4,
    ).map(b"".join)
)


@given(
    st.binary(max_size=40) | RECORDS,
    st.sampled_from(["Pod", "ConfigMap", "Secret", "DeleteOptions", "SelfSubjectAccessReview", "Event", "Node"]),
)
def test_whatever_comes_is_read_or_refused(raw: bytes, kind: str) -> None:
    version = "authorization.k8s.io/v1" if kind == "SelfSubjectAccessReview" else "v1"
    for data in (b"k8s\0" + raw, envelope(raw, kind, version)):
        try:
            assert decode_body(data)["kind"] in (kind, "")
        except ApiError as error:
            assert error.code == 400
