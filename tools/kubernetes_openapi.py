"""Cuts the OpenAPI definitions of Kubernetes to what nsrunner serves: ``python tools/kubernetes_openapi.py 1.36.0``.

They are taken from the package kubernetes-validate (a test dependency), which has them as JSON Schema; what that form
adds (null beside each type, enums of apiVersion and kind) is taken away again. A path instead of a version: any
document with ``definitions``, such as Kubernetes' own ``api/openapi-spec/swagger.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "nsrunner/api/openapi/definitions.json"

CORE, META = "io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1."
KINDS = ("ConfigMap", "Event", "Namespace", "Node", "Pod", "Secret", "ServiceAccount")
ROOTS = (
    *(f"{CORE}{kind}{suffix}" for kind in KINDS for suffix in ("", "List")),
    "io.k8s.api.events.v1.Event",
    "io.k8s.api.events.v1.EventList",
    "io.k8s.api.authentication.v1.SelfSubjectReview",
    "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    *(f"{META}{kind}" for kind in ("DeleteOptions", "Patch", "Status", "WatchEvent")),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
)
GROUPS = ("", "authentication.k8s.io", "authorization.k8s.io", "events.k8s.io")
DEFAULTS = {f"{CORE}ContainerPort": {"protocol": "TCP"}, f"{CORE}ServicePort": {"protocol": "TCP"}}
"""Of keys of lists: an item without one has this (``+default`` in the Go types; the document as published has it)."""


def main(source: str) -> None:
    definitions = _definitions(source)
    wanted, found = list(ROOTS), {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _plain(definitions[name], name)
            wanted += sorted(_references(found[name]))
    for name, defaults in DEFAULTS.items():
        for field, value in defaults.items():
            if name in found:
                found[name]["properties"][field]["default"] = value
    lines = [f"{json.dumps(name)}: {json.dumps(found[name], sort_keys=True)}" for name in sorted(found)]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _definitions(source: str) -> dict[str, Any]:
    if Path(source).exists():
        path = Path(source)
    else:
        import kubernetes_validate

        schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
        path = schemas / f"v{source}-local/_definitions.json"
    document = json.loads(path.read_text())
    definitions: dict[str, Any] = document.get("$defs") or document["definitions"]
    return definitions


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "oneOf" in value:
        format = {"format": "int-or-string"} if name.endswith("IntOrString") else {}
        kept = {key: text for key, text in value.items() if key == "description"}
        return {**kept, "type": "string", **format}
    plain = {}
    for key, item in value.items():
        if key == "type" and isinstance(item, list):
            item = next(each for each in item if each != "null")
        elif key == "$ref":
            item = f"#/definitions/{item.rpartition('/')[2]}"
        elif key == "properties":
            item = {name: _plain(each) for name, each in item.items()}
            for field in ("apiVersion", "kind"):
                item.get(field, {}).pop("enum", None)
        elif key == "x-kubernetes-group-version-kind":
            item = [each for each in item if each["group"] in GROUPS and each["version"] == "v1"]
        elif key not in ("required", "enum"):
            item = _plain(item)
        plain[key] = item
    return plain


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for item in value for name in _references(item)}
    if not isinstance(value, dict):
        return set()
    found = {name for item in value.values() for name in _references(item)}
    reference = value.get("$ref")
    return found | {reference.rpartition("/")[2]} if isinstance(reference, str) else found


if __name__ == "__main__":
    main(*sys.argv[1:])
