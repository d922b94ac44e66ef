from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.decode import decode, did_you_mean, fields_of, type_name
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import (
    ConfigMap,
    Container,
    ContainerStatus,
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    HTTPGetAction,
    ManagedFieldsEntry,
    Pod,
    PodSpec,
    Probe,
    ScaleIOVolumeSource,
    Secret,
    Struct,
    Toleration,
)

NOTHING: frozenset[str] = frozenset()


def run(kind: type[Struct], value: dict[str, Any]) -> tuple[Any, list[str]]:
    report = Report()
    decoded = decode(kind, value, ROOT, report, skip=NOTHING)
    return decoded, [str(error) for error in report.close()]


def test_values_arrive_under_their_names() -> None:
    pod, errors = run(
        Pod,
        {
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {
                "hostPID": True,
                "setHostnameAsFQDN": False,
                "containers": [
                    {
                        "name": "a",
                        "args": ["x"],
                        "resources": {"limits": {"cpu": "500m", "memory": 1024}},
                        "readinessProbe": {"httpGet": {"port": "http"}},
                    }
                ],
            },
            "status": {"podIPs": [{"ip": "10.0.0.1"}]},
        },
    )
    assert errors == []
    assert pod.spec.host_pid is True
    assert pod.spec.set_hostname_as_fqdn is False
    container = pod.spec.containers[0]
    assert container.args == ("x",)
    assert str(container.resources.limits["cpu"]) == "500m"
    assert container.resources.limits["memory"].value == 1024
    assert container.readiness_probe.http_get.port == "http"
    assert pod.status.pod_ips[0].ip == "10.0.0.1"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Probe, {"exec": []}, "exec: Invalid value: expected object, got array"),
        (
            Probe,
            {"exec": {"command": "x"}},
            'exec.command: Invalid value: "x": expected array, got string (a list: its items start with "- ")',
        ),
        (Container, {"name": 5}, "name: Invalid value: 5: expected string, got integer (put the value in quotes)"),
        (Container, {"name": "a", "tty": "yes"}, 'tty: Invalid value: "yes": expected boolean, got string'),
        (Container, {"name": "a", "args": [None]}, "args[0]: Invalid value: expected string, got null"),
        (
            Container,
            {"name": "a", "args": ["x", 1.5]},
            'args[1]: Invalid value: "1.5": expected string, got number (put the value in quotes)',
        ),
        (Probe, {"periodSeconds": True}, "periodSeconds: Invalid value: true: expected integer, got boolean"),
        (Probe, {"periodSeconds": 1.5}, 'periodSeconds: Invalid value: "1.5": expected integer, got number'),
        (Probe, {"periodSeconds": 2**31}, "periodSeconds: Invalid value: 2147483648: must be a number of 32 bits"),
        (
            Toleration,
            {"tolerationSeconds": -(2**63) - 1},
            f"tolerationSeconds: Invalid value: {-(2**63) - 1}: must be a number of 64 bits",
        ),
        (HTTPGetAction, {"port": []}, "port: Invalid value: expected integer, got array"),
        (HTTPGetAction, {"port": 2**31}, "port: Invalid value: 2147483648: must be a number of 32 bits"),
        (
            EmptyDirVolumeSource,
            {"sizeLimit": "1x"},
            'sizeLimit: Invalid value: "1x": unable to parse quantity\'s suffix',
        ),
        (EmptyDirVolumeSource, {"sizeLimit": True}, "sizeLimit: Invalid value: true: expected quantity, got boolean"),
        (EmptyDirVolumeSource, {"sizeLimit": {}}, "sizeLimit: Invalid value: expected quantity, got object"),
        (ConfigMap, {"data": []}, "data: Invalid value: expected object, got array"),
        (
            ConfigMap,
            {"data": {"a": 1}},
            "data[a]: Invalid value: 1: expected string, got integer (put the value in quotes)",
        ),
        (Secret, {"data": {"a": 1}}, "data[a]: Invalid value: expected base64 text, got integer"),
        (Container, {}, "name: Required value"),
        (Container, {"name": None}, "name: Required value"),
        (Container, {"name": "a", "comand": []}, 'comand: Unknown field (did you mean "command"?)'),
        (Container, {"name": "a", "COMMAND": []}, 'COMMAND: Unknown field (did you mean "command"?)'),
        (Container, {"name": "a", "zzz": []}, "zzz: Unknown field"),
    ],
)
def test_one_problem(kind: type[Struct], value: dict[str, Any], expected: str) -> None:
    assert run(kind, value)[1] == [expected]


def test_every_problem_is_found_and_later_items_keep_their_place() -> None:
    pod, errors = run(
        PodSpec,
        {
            "hostPID": 1,
            "containers": [{"name": "a", "image": 1}, "b", {"name": "c", "stdin": "x", "ports": [{}]}],
            "volumes": {},
            "x": 1,
        },
    )
    assert errors == [
        "hostPID: Invalid value: 1: expected boolean, got integer",
        "containers[0].image: Invalid value: 1: expected string, got integer (put the value in quotes)",
        'containers[1]: Invalid value: "b": expected object, got string',
        'containers[2].stdin: Invalid value: "x": expected boolean, got string',
        "containers[2].ports[0].containerPort: Required value",
        'volumes: Invalid value: expected array, got object (a list: its items start with "- ")',
        "x: Unknown field",
    ]
    assert [container.name for container in pod.containers] == ["a", "", "c"]


def test_secrets_are_not_repeated() -> None:
    _, errors = run(Secret, {"data": {"password": "hunter2!"}, "stringData": {"ok": "hunter2!"}})
    (error,) = errors
    assert error.startswith("data[password]: Invalid value: expected base64 text (plain text belongs into stringData")


def test_base64_may_be_wrapped() -> None:
    assert run(Secret, {"data": {"a": "aGVs\r\nbG8=\n", "b": ""}})[0].data == {"a": b"hello", "b": b""}


def test_null_is_absent_and_so_is_empty_text_where_the_api_makes_no_difference() -> None:
    spec, errors = run(
        PodSpec,
        {"containers": [], "hostname": "", "subdomain": None, "volumes": None, "hostnameOverride": "", "os": None},
    )
    assert errors == []
    assert spec == PodSpec(containers=(), hostname_override="")
    assert run(HostPathVolumeSource, {"path": "/", "type": ""})[0].type == ""


def test_zeros_stand_in_for_what_is_required_and_missing() -> None:
    status, errors = run(ContainerStatus, {"name": "a"})
    assert (status.ready, status.restart_count, status.image) == (False, 0, "")
    assert len(errors) == 4
    source, errors = run(ScaleIOVolumeSource, {"gateway": 1})
    assert source.secret_ref.name == ""
    assert len(errors) == 3


def test_anything_goes_where_the_api_does_not_look() -> None:
    entry, errors = run(ManagedFieldsEntry, {"fieldsV1": {"f:spec": {"x": [1, None]}}})
    assert errors == []
    assert entry.fields_v1 == {"f:spec": {"x": [1, None]}}


def test_types_have_names() -> None:
    samples = {"null": None, "boolean": True, "integer": 1, "number": 1.5, "string": "", "array": [], "object": {}}
    assert {type_name(value): value for value in samples.values()} == samples


def test_hints() -> None:
    assert did_you_mean("restartpolicy", ["restartPolicy", "x"]) == 'did you mean "restartPolicy"?'
    assert did_you_mean("q" * 1_000_000, ["restartPolicy"]) == ""


def test_fields_know_their_defaults() -> None:
    table = fields_of(PodSpec)
    assert table["containers"].required
    assert table["containers"].item is Container
    assert table["containers"].is_list
    assert table["nodeSelector"].default == {}
    assert table["hostPID"].default is False
    assert table["securityContext"].item is not None
    assert not table["securityContext"].is_list


def every_type() -> list[type[Struct]]:
    from nsrunner.model import types

    found = (getattr(types, name) for name in types.__all__)
    return [item for item in found if isinstance(item, type) and issubclass(item, Struct) and item is not Struct]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_junk_in_any_field_of_any_type_is_decoded_or_reported(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(every_type()))
    names = sorted(fields_of(kind))
    value = data.draw(st.dictionaries(st.sampled_from(names) if names else st.text(max_size=3), JUNK, max_size=6))
    decoded, _ = run(kind, value)
    assert isinstance(decoded, kind)
