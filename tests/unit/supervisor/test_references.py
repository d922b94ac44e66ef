import asyncio

from nsrunner.library.documents import Documents, load_objects
from nsrunner.supervisor.references import References, referenced, refers

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - name: c
    image: host
    command: ["true"]
    envFrom:
    - configMapRef: {name: settings}
    - secretRef: {name: missing, optional: true}
    env:
    - {name: PLAIN, value: x}
    - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
    - {name: A, valueFrom: {configMapKeyRef: {name: more, key: a}}}
    - {name: B, valueFrom: {secretKeyRef: {name: login, key: b}}}
  - {name: plain, image: host, command: ["true"]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unused}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
"""


def test_what_the_environment_names_is_read_and_nothing_else() -> None:
    documents = Documents(load_objects(MANIFEST.encode(), "test"))
    first, second = documents.pod(None).spec.containers
    found = asyncio.run(referenced(first, "default", documents))
    assert (sorted(found.config_maps), sorted(found.secrets)) == (["more", "settings"], ["login"])
    assert asyncio.run(referenced(second, "default", documents)) == References()
    assert (refers(first), refers(second)) == (True, False)
