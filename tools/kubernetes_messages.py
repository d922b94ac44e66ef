"""Writes the tables of protobuf messages of Kubernetes: ``python tools/kubernetes_messages.py [PROGRAM]``.

``PROGRAM`` is one that has the descriptors of Kubernetes' generated.proto files in it, as all that are built with
k8s.io/api up to 1.34 have; kubectl by default. What is newer than the program stands in NEWER. A message whose fields
are its parent's own in JSON (an embedded struct in Go) is told by the OpenAPI definitions, which have no such property.
Needs the package protobuf.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "nsrunner/api"
TARGET = PACKAGE / "protobuf/messages.json"

CORE, META = "k8s.io.api.core.v1.", "k8s.io.apimachinery.pkg.apis.meta.v1."
ROOTS = (
    *(CORE + kind for kind in ("ConfigMap", "Event", "Namespace", "Node", "Pod", "Secret", "ServiceAccount")),
    "k8s.io.api.authentication.v1.SelfSubjectReview",
    "k8s.io.api.authentication.v1.TokenRequest",
    "k8s.io.api.authorization.v1.SelfSubjectAccessReview",
    "k8s.io.api.authorization.v1.SelfSubjectRulesReview",
    "k8s.io.api.events.v1.Event",
    META + "DeleteOptions",
    "k8s.io.apimachinery.pkg.runtime.Unknown",
)
NAMES = {"uID": "uid"}
"""Fields whose name in JSON is another (the ``json`` tag of the Go type)."""
SCALARS = {1: "double", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes"}
NEWER: dict[str, list[list[Any]]] = {
    "Container": [[25, "restartPolicyRules", "ContainerRestartRule", "repeated"]],
    "ContainerRestartRule": [[1, "action", "string"], [2, "exitCodes", "ContainerRestartRuleOnExitCodes"]],
    "ContainerRestartRuleOnExitCodes": [[1, "operator", "string"], [2, "values", "int32", "repeated"]],
    "EnvVarSource": [[5, "fileKeyRef", "FileKeySelector"]],
    "EphemeralContainerCommon": [[25, "restartPolicyRules", "ContainerRestartRule", "repeated"]],
    "FileKeySelector": [
        [1, "volumeName", "string"],
        [2, "path", "string"],
        [3, "key", "string"],
        [4, "optional", "bool"],
    ],
    "Lifecycle": [[3, "stopSignal", "string"]],
    "PodCertificateProjection": [
        [1, "signerName", "string"],
        [2, "keyType", "string"],
        [3, "maxExpirationSeconds", "int32"],
        [4, "credentialBundlePath", "string"],
        [5, "keyPath", "string"],
        [6, "certificateChainPath", "string"],
    ],
    "PodCondition": [[7, "observedGeneration", "int64"]],
    "PodSpec": [[41, "hostnameOverride", "string"]],
    "PodStatus": [[17, "observedGeneration", "int64"]],
    "VolumeProjection": [[6, "podCertificate", "PodCertificateProjection"]],
}
"""By message of core/v1: number, name, type, and how."""


def main(program: str = "kubectl") -> None:
    messages = dict(_messages(Path(shutil.which(program) or program).read_bytes()))
    for name, fields in NEWER.items():
        there = messages.setdefault(CORE + name, [])
        for number, field, type, *how in fields:
            if all(number != each[0] for each in there):
                there.append([number, field, CORE + type if type[0].isupper() else type, *how])
    definitions = json.loads((PACKAGE / "openapi/definitions.json").read_text())
    wanted, found = list(ROOTS), {}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found[name] = sorted(messages[name])
        definition = definitions.get("io.k8s." + name.removeprefix("k8s.io."))
        for field in found[name]:
            types = [field[2]] if isinstance(field[2], str) else list(field[2])
            wanted += [type for type in types if "." in type]
            known = (definition or {}).get("properties", {field[1]: {}})
            if field[1] not in known and field[3:] == [] and "." in field[2]:
                field.append("inline")
    lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _messages(program: bytes) -> Iterator[tuple[str, list[list[Any]]]]:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import DecodeError

    for start in re.finditer(rb"\x1f\x8b\x08\0\0\0\0\0\x02\xff", program):
        try:
            text = zlib.decompressobj(31).decompress(program[start.start() : start.start() + 400_000])
            file = FileDescriptorProto.FromString(text)
        except (zlib.error, DecodeError):
            continue
        if not file.name.startswith("k8s.io/"):
            continue
        for message in file.message_type:
            entries = {each.name: each for each in message.nested_type if each.options.map_entry}
            yield f"{file.package}.{message.name}", [_field(field, entries) for field in message.field]


def _field(field: Any, entries: dict[str, Any]) -> list[Any]:
    entry = entries.get(field.type_name.rpartition(".")[2])
    name = NAMES.get(field.name, field.name)
    if entry is not None:
        return [field.number, name, [_type(each) for each in entry.field], "map"]
    return [field.number, name, _type(field), *(["repeated"] if field.label == field.LABEL_REPEATED else [])]


def _type(field: Any) -> str:
    return field.type_name.removeprefix(".") or SCALARS[field.type]


if __name__ == "__main__":
    main(*sys.argv[1:])
