"""``describe pod``: one container, and why it waits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .blocks import Block, listing, stamp

__all__ = ["container_block", "waits_until"]

Json = Mapping[str, Any]
_BACK_OFF: Final = r"[Bb]ack-off (?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)? restarting"


def container_block(spec: Json, status: Json, now: float) -> Block:
    """``status`` is empty while there is none; ``now`` in seconds since the epoch."""
    block = Block()
    block.put("Container ID", status.get("containerID", "") or None)
    block.put("Image", spec.get("image", ""))
    block.put("Image ID", status.get("imageID", "") or None)
    ports = [_port(port) for port in spec.get("ports") or ()]
    block.put("Ports" if len(ports) > 1 else "Port", listing(ports))
    for name in ("command", "args"):
        if spec.get(name):
            block.append((name.capitalize(), [line for word in spec[name] for line in str(word).split("\n")]))
    block.put("Working Dir", spec.get("workingDir"))
    if status:
        _add_states(block, status, now)
    for name, values in ((name, (spec.get("resources") or {}).get(name)) for name in ("limits", "requests")):
        if values:
            block.append((name.capitalize(), [f"{key}: {values[key]}" for key in sorted(values)]))
    for name in ("liveness", "readiness", "startup"):
        if probe := spec.get(f"{name}Probe"):
            block.put(name.capitalize(), _probe(probe))
    for name, handler in (spec.get("lifecycle") or {}).items():
        if isinstance(handler, Mapping):
            block.put({"postStart": "Post Start", "preStop": "Pre Stop"}.get(name, name), _handler(handler))
    block.put("Restart Policy", spec.get("restartPolicy"))
    sources = [_source(each) for each in spec.get("envFrom") or ()]
    if sources:
        block.append(("Environment Variables from", sources))
    block.append(("Environment", [_variable(each) for each in spec.get("env") or ()] or ["<none>"]))
    block.append(("Mounts", [_mount(each) for each in spec.get("volumeMounts") or ()] or ["<none>"]))
    return block


def _add_states(block: Block, status: Json, now: float) -> None:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    _add_state(block, "State", state)
    if state.get("waiting") is not None and (until := waits_until(status, now)):
        block.put("Next Start", until)
    if any(value is not None for value in last.values()):
        _add_state(block, "Last State", last)
    block.put("Ready", status.get("ready", False))
    block.put("Started", status.get("started"))
    block.put("Restart Count", status.get("restartCount", 0))


def _add_state(block: Block, name: str, state: Json) -> None:
    kind = next((kind for kind in ("running", "waiting", "terminated") if state.get(kind) is not None), "")
    found = state.get(kind) or {}
    block.put(name, kind.capitalize() or "Waiting")
    for title, key in (("Reason", "reason"), ("Message", "message"), ("Exit Code", "exitCode"), ("Signal", "signal")):
        if found.get(key) is not None and (key != "signal" or found[key]):
            lines = str(found[key]).rstrip("\n").split("\n")
            block.append((f"  {title}", lines))
    block.put("  Started", stamp(found.get("startedAt")))
    block.put("  Finished", stamp(found.get("finishedAt")))


def waits_until(status: Json, now: float) -> str:
    """``12:01:13 (in 8s), after a back-off of 10s``: when a container that waits for its back-off is started; empty
    for one that waits for something else."""
    import time

    from nsrunner.model.printing.ages import age, parse_time

    waiting = (status.get("state") or {}).get("waiting") or {}
    found = re.match(_BACK_OFF, waiting.get("message") or "")
    ended = parse_time(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
    if waiting.get("reason") != "CrashLoopBackOff" or found is None or ended is None:
        return ""
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    period = hours * 3600 + minutes * 60 + seconds
    due = ended + period
    left = f"in {age(due - now)}" if due > now else "now"
    return f"{time.strftime('%H:%M:%S', time.localtime(due))} ({left}), after a back-off of {age(period)}"


def _port(port: Json) -> str:
    name = f" ({port['name']})" if port.get("name") else ""
    return f"{port.get('containerPort')}/{port.get('protocol') or 'TCP'}{name}"


def _probe(probe: Json) -> str:
    told = [
        f"delay={probe.get('initialDelaySeconds') or 0}s",
        f"timeout={probe.get('timeoutSeconds') or 1}s",
        f"period={probe.get('periodSeconds') or 10}s",
        f"#success={probe.get('successThreshold') or 1}",
        f"#failure={probe.get('failureThreshold') or 3}",
    ]
    return " ".join([_handler(probe), *told])


def _handler(handler: Json) -> str:
    if (action := handler.get("exec")) is not None:
        return f"exec [{' '.join(action.get('command') or ())}]"
    if (action := handler.get("httpGet")) is not None:
        scheme = str(action.get("scheme") or "HTTP").lower()
        path = str(action.get("path") or "/")
        return f"http-get {scheme}://{action.get('host') or ''}:{action.get('port')}{path}"
    if (action := handler.get("tcpSocket")) is not None:
        return f"tcp-socket {action.get('host') or ''}:{action.get('port')}"
    if (action := handler.get("grpc")) is not None:
        return f"grpc <pod>:{action.get('port')} {action.get('service') or ''}".rstrip()
    if (action := handler.get("sleep")) is not None:
        return f"sleep {action.get('seconds')}s"
    return "unknown"


def _optional(reference: Json) -> str:
    return f"  Optional: {str(bool(reference['optional'])).lower()}" if "optional" in reference else ""


def _variable(variable: Json) -> str:
    name, source = variable.get("name"), variable.get("valueFrom") or {}
    for key, kind in (("configMapKeyRef", "config map"), ("secretKeyRef", "secret")):
        if (found := source.get(key)) is not None:
            return f"{name}: <set to the key '{found.get('key')}' of {kind} '{found.get('name')}'>{_optional(found)}"
    if (found := source.get("fieldRef")) is not None:
        return f"{name}: ({found.get('apiVersion') or 'v1'}:{found.get('fieldPath')})"
    if (found := source.get("resourceFieldRef")) is not None:
        return f"{name}: {found.get('resource')} of {found.get('containerName') or 'this container'}"
    return f"{name}: {variable.get('value') or ''}"


def _source(source: Json) -> str:
    for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if (found := source.get(key)) is not None:
            prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
            return f"{found.get('name')} {kind}{prefix}{_optional(found)}"
    return "unknown"


def _mount(mount: Json) -> str:
    flags: Sequence[str] = ["ro" if mount.get("readOnly") else "rw"]
    sub = mount.get("subPath") or mount.get("subPathExpr")
    flags = [*flags, f'path="{sub}"'] if sub else flags
    return f"{mount.get('mountPath')} from {mount.get('name')} ({','.join(flags)})"
