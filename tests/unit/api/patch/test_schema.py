"""The marks of fields, as Kubernetes' document has them."""

from __future__ import annotations

from nsrunner.api.patch.schema import ANY, Schema, schema_of


def below(*names: str) -> Schema:
    schema = schema_of("v1", "Pod")
    for name in names:
        found = schema.items if name == "[]" else schema.field(name)
        assert found is not None
        schema = found
    return schema


def test_strategic_marks() -> None:
    assert below("spec", "containers").merge_key == "name"
    assert below("spec", "volumes").strategies == {"merge", "retainKeys"}
    assert below("spec", "tolerations").strategies == frozenset()
    assert below("spec", "containers", "[]", "ports").merge_key == "containerPort"


def test_marks_of_apply() -> None:
    ports = below("spec", "containers", "[]", "ports")
    assert (ports.list_type, ports.keys) == ("map", ("containerPort", "protocol"))
    assert ports.items.field("protocol").default == "TCP"  # type: ignore[union-attr]
    assert below("metadata", "finalizers").list_type == "set"
    assert below("spec", "containers", "[]", "command").atomic
    assert below("spec", "nodeSelector").atomic and not below("metadata", "labels").atomic
    assert below("spec", "imagePullSecrets", "[]").atomic
    assert not below("spec").atomic and below("spec", "hostname").atomic
    assert below("metadata", "managedFields", "[]", "fieldsV1").atomic


def test_what_is_a_field() -> None:
    assert below("spec").is_field("hostname") and not below("metadata", "labels").is_field("app")
    assert below("metadata", "labels").field("app") is not None
    assert below("spec").field("sing") is None
    assert schema_of("v1", "Pod") is schema_of("v1", "Pod")


def test_what_nothing_is_known_of() -> None:
    unknown = schema_of("example.org/v1", "Song")
    assert unknown is ANY and unknown.field("x") is ANY and unknown.items is ANY and unknown.atomic
