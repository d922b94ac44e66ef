"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "nsrunner"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
C_FILES = sorted([*(CHECKOUT / "csrc").glob("*.[ch]"), *(CHECKOUT / "tests/c").glob("*.[ch]")])

CEILING = 400
"""Lines of a file: one that outgrows it is two ideas."""
CEILINGS = {"csrc/shim.c": 500}


def name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@pytest.mark.parametrize("path", [*MODULES, *(path for path in C_FILES if path.parent.name == "csrc")], ids=name)
def test_a_file_is_one_idea(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= CEILINGS.get(name(path), CEILING)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert not text or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_one_module_imports_the_extension(path: Path) -> None:
    if path == PACKAGE / "sandbox/native.py":
        return
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.update(f"{node.module or ''}.{alias.name}" for alias in node.names)
    assert not {found for found in imported if "_native" in found.split(".")}


@pytest.mark.parametrize("path", C_FILES, ids=name)
def test_a_c_file_has_a_head(path: Path) -> None:
    head = path.read_text()[:2000]
    assert head.startswith(f"/* {path.name} - ")
    assert "SPDX-License-Identifier: Apache-2.0" in head


PARTS = {
    "nsrunner/cli/annotate.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/apply.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/attach.py": "tests/daemon/test_verbs.py",
    "nsrunner/cli/complete_objects.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/create.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/create_values.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/debug.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/debug_copy.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/delete.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/deleting.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/describe.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/describe_container.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/describe_others.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/describe_pod.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/edit.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/events.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/files.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/get_table.py": "tests/unit/cli/test_get.py",
    "nsrunner/cli/label.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/metadata.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/offline.py": "tests/unit/cli/test_get.py",
    "nsrunner/cli/replace.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/resources.py": "tests/unit/cli/test_get.py",
    "nsrunner/cli/run_detached.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/selection.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/sorting.py": "tests/unit/cli/test_get.py",
    "nsrunner/cli/wait.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/watching.py": "tests/unit/cli/test_get.py",
    "nsrunner/cli/writing.py": "tests/unit/cli/test_daemon_verbs.py",
    "nsrunner/cli/run_session.py": "tests/unit/cli/test_run.py",
    "nsrunner/api/store/values.py": "tests/unit/api/store/test_store.py",
    **{
        f"nsrunner/{module}.py": "tests/daemon/test_exec.py"
        for module in (
            "api/streams/carriers",
            "api/streams/exec",
            "api/streams/serving",
            "api/streams/spdy_upgrade",
            "api/streams/upgrades",
            "api/streams/websocket_peer",
            "daemon/links",
            "daemon/runtime",
            "daemon/sessions",
        )
    },
    **{
        f"nsrunner/api/{module}.py": "tests/unit/api/registry/test_registry.py"
        for module in (
            "registry/deleting",
            "registry/reading",
            "registry/writing",
            "resources/base",
            "resources/cluster",
            "resources/configs",
            "resources/events",
            "resources/pods",
            "resources/typed",
        )
    },
    **{
        f"nsrunner/api/server/{module}.py": "tests/unit/api/server/test_app.py"
        for module in ("auth", "peers", "requests")
    },
    **{
        f"nsrunner/cli/{module}.py": "tests/unit/cli/test_daemon_verbs.py"
        for module in (
            "blocks",
            "complete_objects",
            "create",
            "describe_container",
            "describe_others",
            "describe_pod",
            "events",
            "get_table",
            "logs_many",
            "printers",
        )
    },
    **{
        f"nsrunner/cli/{module}.py": "tests/daemon/test_verbs.py"
        for module in ("attach", "daemon", "debug", "port_forward")
    },
    "nsrunner/cli/kubeconfig.py": "tests/daemon/test_exec.py",
    "nsrunner/daemon/main.py": "tests/daemon/test_real_daemon.py",
    "nsrunner/daemon/objects.py": "tests/unit/daemon/test_pods.py",
    "nsrunner/api/streams/spdy_forward.py": "tests/daemon/test_portforward.py",
    "nsrunner/api/streams/gone.py": "tests/daemon/test_logs.py",
    "nsrunner/api/streams/logs.py": "tests/daemon/test_logs.py",
}
"""Modules that are only reached through another one, and where they are tested."""


def has_code(path: Path) -> bool:
    """Whether there is anything to test: a module of names, types and imports alone has nothing."""
    tree = ast.parse(path.read_text())
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


@functools.cache
def imported_by_tests() -> frozenset[str]:
    found = set()
    for path in (CHECKOUT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return frozenset(found)


@pytest.mark.parametrize("path", [path for path in MODULES if has_code(path)], ids=name)
def test_a_module_has_tests(path: Path) -> None:
    """A test file of its name in its layer's folder, or tests that import it."""
    inside = path.relative_to(PACKAGE)
    dotted = ".".join(["nsrunner", *inside.with_suffix("").parts]).removesuffix(".__init__")
    mirror = CHECKOUT / "tests/unit" / inside.with_name(f"test_{inside.name}")
    elsewhere = PARTS.get(name(path))
    assert mirror.exists() or dotted in imported_by_tests() or (elsewhere and (CHECKOUT / elsewhere).exists())


def test_the_shells_scripts_parse() -> None:
    for script in ("tools/setup", "vagrant/provision", "tests/vm/guest/main", "tests/vm/guest/checks/smoke"):
        subprocess.run(["sh", "-n", CHECKOUT / script], check=True)
    subprocess.run(["bash", "-n", CHECKOUT / ".ci/run"], check=True)
