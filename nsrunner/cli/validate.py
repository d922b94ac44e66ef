"""``nsrunner validate``: what is wrong with manifests, and what becomes of each field, without running anything."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import exits
from .output import Palette, colour_wanted, escape, escape_block, write
from .parser import Parser
from .sysctls import add_allowed_unsafe_sysctls

if TYPE_CHECKING:
    from ..model import Document, WouldFail

__all__ = ["parser", "run"]


class _Finding(NamedTuple):
    document: Document
    fails: Sequence[WouldFail]
    notes: Sequence[tuple[str, str]]
    """Field and text."""


_DESCRIPTION: Final = """\
Check manifests without running anything, and say all that is wrong with every document, with the path of the field.

Two kinds of problems are told apart. An invalid document is refused by 'nsrunner run', and by a Kubernetes API server
unless it says "Not supported". One that would fail is accepted, but its pod could not run on this host: an unsafe
sysctl, an unknown capability, runAsNonRoot with uid 0, a ConfigMap or Secret that is in none of the given files. Fields
that are accepted but have no effect on a single machine, such as affinity, are listed.

An image that is not available on this host is noted, with what can be used instead: until it is there, its container
waits in ErrImagePull. Notes leave the exit code as it is.
"""

_EPILOG: Final = """\
examples:
  nsrunner validate pod.yaml config.yaml
  nsrunner validate --fields deploy/*.yaml
  kubectl get pod web -o yaml | nsrunner validate -
  nsrunner validate -o json pod.yaml | jq '.documents[].errors'

exit codes:
  0  every document is valid, and nothing in it would fail
  2  at least one is invalid or would fail, or a file cannot be read
"""


def parser() -> Parser:
    verb = Parser(
        "nsrunner validate",
        usage="nsrunner validate FILE... [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    verb.add_argument("files", nargs="+", metavar="FILE", help="a manifest (YAML or JSON); - is standard input")
    verb.add_argument("--fields", action="store_true", help="list every field with its verdict")
    add_allowed_unsafe_sysctls(verb)
    verb.add_argument("-o", "--output", choices=["json"], metavar="json", help="print the findings as JSON")
    return verb


def run(options: argparse.Namespace) -> int:
    from ..errors import UsageError
    from .manifest import load_files
    from .output import say

    try:
        documents = load_files(options.files)
    except UsageError as error:
        say(f"nsrunner: {error}")
        return exits.USAGE
    fails = _would_fail(documents, options.allowed_unsafe_sysctls)
    findings = [
        _Finding(document, problems, list(_notes(document)))
        for document, problems in zip(documents, fails, strict=True)
    ]
    if options.output == "json":
        write(_as_json(findings))
    else:
        palette = Palette(colour_wanted(sys.stdout))
        write("".join(_as_text(finding, palette, options.fields) for finding in findings))
    bad = any(finding.document.error() is not None or finding.fails for finding in findings)
    return exits.USAGE if bad else exits.OK


def _would_fail(documents: Sequence[Document], allowed_unsafe_sysctls: Sequence[str]) -> Iterator[Sequence[WouldFail]]:
    """Of each document, as ``run`` with the same files would find out."""
    from ..library.documents import Documents
    from ..library.options import RunOptions
    from ..model import would_fail
    from ..model.types import Pod

    node = os.uname().nodename
    everything = Documents(document.object for document in documents if document.object is not None)
    for document in documents:
        if document.error() is None and isinstance(document.object, Pod):
            pod = everything.accept(document.object, node)
            address = (RunOptions().address.partition("/")[0],)  # whichever the host has: a value is what counts
            context = everything.context(document.namespace, node_name=node, host_ips=address, pod_ips=address)
            yield would_fail(pod, context, allowed_unsafe_sysctls=allowed_unsafe_sysctls)
        else:
            yield ()


def _notes(document: Document) -> Iterator[tuple[str, str]]:
    """Field and text of what this host lacks today for a valid pod to run."""
    from ..model.images import image_problem
    from ..model.types import Pod
    from ..supervisor.images import why_unavailable

    pod = document.object
    if document.error() is not None or not isinstance(pod, Pod):
        return
    for field, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            note = "" if image_problem(container.image) else why_unavailable(container.image)
            if note:
                yield f"spec.{field}[{index}].image", note


def _title(document: Document) -> str:
    where = document.source
    if document.count > 1:
        where += f", document {document.index}"
    what = f'{document.kind} "{document.name}"' if document.kind and document.name else document.kind
    return f"{where}: {what}" if what else where


def _as_text(finding: _Finding, palette: Palette, all_fields: bool) -> str:
    document, fails = finding.document, finding.fails
    lines = []
    error = document.error()
    if error is not None:
        lines.append(palette.paint(escape(f"{_title(document)} is invalid:"), "red"))
        lines += [f"  * {escape_block(str(problem))}" for problem in error.errors]
    elif fails:
        lines.append(palette.paint(escape(f"{_title(document)} is valid, but would fail on this host:"), "red"))
        lines += [f"  * {escape(str(problem))}" for problem in fails]
    else:
        lines.append(palette.paint(escape(f"{_title(document)} is valid"), "green"))
    lines += [f"  note: {escape(field)}: {escape(note)}" for field, note in finding.notes]
    if all_fields:
        lines += _field_lines(document)
    elif document.ignored:
        lines.append("  accepted without effect:")
        lines += [f"    {escape(item.field)}: {escape(item.note)}" for item in document.ignored]
    return "\n".join(lines) + "\n"


def _field_lines(document: Document) -> Iterator[str]:
    width = max((len(item.field) for item in document.fields), default=0)
    yield "  fields:"
    for item in document.fields:
        note = f" ({item.note})" if item.note else ""
        yield f"    {escape(item.field):<{width}}  {item.verdict.value}{escape(note)}"


def _as_json(findings: Sequence[_Finding]) -> str:
    import json

    return json.dumps({"documents": [_document_json(finding) for finding in findings]}, indent=2) + "\n"


def _document_json(finding: _Finding) -> dict[str, Any]:
    document, fails = finding.document, finding.fails
    error = document.error()
    result = "invalid" if error is not None else "wouldFail" if fails else "valid"
    return {
        "source": document.source,
        "document": document.index,
        "kind": document.kind,
        "name": document.name,
        "namespace": document.namespace,
        "result": result,
        "errors": [
            {
                "field": problem.field,
                "type": problem.kind,
                "value": problem.value,
                "detail": problem.detail,
                "hint": problem.hint,
                "message": str(problem),
            }
            for problem in (error.errors if error is not None else ())
        ],
        "wouldFail": [
            {"field": problem.field, "reason": problem.reason, "message": problem.message} for problem in fails
        ],
        "notes": [{"field": field, "message": note} for field, note in finding.notes],
        "fields": [{"field": item.field, "verdict": item.verdict.value, "note": item.note} for item in document.fields],
    }
