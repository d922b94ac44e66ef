"""No body of a PATCH brings the server to fall."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import NIGHTLY
from nsrunner.api.errors import ApiError
from nsrunner.api.patch import APPLY, PATCHES, patched

from ..registry.served import asked, config_map, pod, serving

FIELDS = ("metadata", "data", "spec", "status", "kind", "name", "labels", "annotations", "finalizers", "uid", "type")
OTHERS = ("managedFields", "containers", "immutable", "conditions", "image")
DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/containers")
KEYS = st.sampled_from([*FIELDS, *OTHERS, *DIRECTIVES])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "Pod", "/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
POINTERS = st.sampled_from(
    ["", "/", "/metadata", "/metadata/labels/a", "/spec/containers/0", "/data/-", "/spec/containers/-", "x"]
)
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
    optional={"from": POINTERS, "value": VALUES},
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=4) | VALUES | st.lists(OPERATION, max_size=3)


EXAMPLES = 10_000 if NIGHTLY else 150


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=EXAMPLES)
@given(
    kind=st.sampled_from(PATCHES),
    body=BODIES,
    plural=st.sampled_from(["pods", "configmaps", "secrets", "namespaces"]),
    subresource=st.sampled_from(["", "status"]),
    force=st.booleans(),
)
def test_whatever_is_sent_is_done_or_refused(
    kind: str, body: Any, plural: str, subresource: str, force: bool, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as path:
        asyncio.run(_try(Path(path), kind, body, plural, subresource if plural == "pods" else "", force))


async def _try(path: Path, kind: str, body: Any, plural: str, subresource: str, force: bool) -> None:
    async with serving(path) as served:
        await served.create("pods", pod("it"))
        await served.create("configmaps", config_map("it"))
        await served.create("secrets", {"kind": "Secret", "metadata": {"name": "it"}, "stringData": {"a": "b"}})
        await served.create("namespaces", {"kind": "Namespace", "metadata": {"name": "it"}}, "")
        resource = served.resource(plural)
        context = asked(field_manager="me", manager_named=True, subresource=subresource)
        data = msgspec.json.encode(body)
        namespace = "default" if resource.info.namespaced else ""
        try:
            result, created = await patched(
                served.registry, resource, namespace, "it", kind, data, context, force=force and kind == APPLY
            )
        except ApiError as error:
            assert error.code in (400, 409, 413, 422)
        else:
            assert result["metadata"]["name"] == "it" and not created
            msgspec.json.encode(result)
