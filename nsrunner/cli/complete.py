"""``nsrunner __complete WORD...``: what the shells' completion scripts ask, answered from the verbs' own parsers.

The last word is the one being typed. One candidate a line; the line ``:files`` asks the shell for file names as well.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from typing import Final

from . import exits
from .main import VERBS
from .output import write
from .parser import Parser

__all__ = ["FILES", "candidates", "parser", "run"]

FILES = ":files"


def parser() -> Parser:
    return Parser(
        "nsrunner __complete",
        usage="nsrunner __complete -- WORD...",
        description="What the shells' completion scripts ask.",
        takes_command=True,
    )


def run(options: argparse.Namespace) -> int:
    write("".join(f"{candidate}\n" for candidate in candidates(options.command or [""])))
    return exits.OK


def candidates(words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word."""
    *before, current = _joined(words)
    if not before:
        return _starting(current, [*VERBS, "--help", "--version"] if current.startswith("-") else VERBS)
    if before[0] == "help":
        return _starting(current, VERBS) if len(before) == 1 else []
    if before[0] not in VERBS:
        return []
    return list(_for_verb(before[0], before[1:], current))


def _joined(words: Sequence[str]) -> list[str]:
    """bash takes ``--for=x`` for three words: the last of them stands behind the option, as without the ``=``."""
    joined: list[str] = []
    for at, word in enumerate(words):
        if word == "=" and joined and joined[-1].startswith("--"):
            if at == len(words) - 1:
                joined.append("")
            continue
        joined.append(word)
    return joined


def _starting(current: str, words: Sequence[str] | dict[str, tuple[str, str]]) -> list[str]:
    return [word for word in words if word.startswith(current)]


def _for_verb(verb: str, before: Sequence[str], current: str) -> Iterator[str]:
    if "--" in before:
        return
    module = importlib.import_module(f"nsrunner.cli.{VERBS[verb][0]}")
    verb_parser: Parser = module.parser()
    options = verb_parser.option_actions()
    words = list(_positionals(before, options))
    given = options.get(before[-1]) if before else None
    if given is not None and given.nargs is None:
        yield from _values(verb, given, before, words, current)
        return
    name, equals, value = current.partition("=")
    if equals and name in options:
        yield from (f"{name}={each}" for each in _values(verb, options[name], before, words, value) if each != FILES)
        return
    if current.startswith("-"):
        used = {id(options[word]) for word in before if word in options}
        for name, action in sorted(options.items()):
            if name.startswith("--") and name.startswith(current) and id(action) not in used:
                yield name
        return
    position = len(words)
    arguments = verb_parser.positional_actions()
    if not arguments:
        return
    action = arguments[min(position, len(arguments) - 1)]
    if position >= len(arguments) and action.nargs not in ("+", "*"):
        return
    yield from _values(verb, action, before, words, current)


def _positionals(before: Sequence[str], options: dict[str, argparse.Action]) -> Iterator[str]:
    value_follows = False
    for word in before:
        if value_follows:
            value_follows = False
        elif word in options:
            value_follows = options[word].nargs is None
        elif not word.startswith("-") or word == "-":
            yield word


_OFFERED: Final = {
    ("create", "what"): ("configmap", "namespace", "secret", "serviceaccount", "token"),
    ("top", "what"): ("node", "pods"),
    ("wait", "until"): ("condition=", "create", "delete", "jsonpath="),
}
_SECRETS: Final = ("docker-registry", "generic", "tls")


def _values(
    verb: str, action: argparse.Action, before: Sequence[str], words: Sequence[str], current: str
) -> Iterator[str]:
    if action.choices is not None:
        yield from _starting(current, [str(choice) for choice in action.choices])
    elif (offered := _OFFERED.get((verb, action.dest))) is not None:
        yield from _starting(current, offered if action.option_strings else _first_words(verb, words, offered))
    elif action.metavar == "FORM":
        from .printers import FORMS

        yield from _starting(current, FORMS)
    elif action.metavar == "FILE":
        yield FILES
    elif action.metavar in ("SOURCE", "TARGET"):
        yield FILES
        yield from (f"{name}:" for name in _running("POD", before, current))
    elif action.metavar == "NAMESPACE":
        from .complete_objects import namespaces

        yield from sorted({*namespaces(current), *_running("NAMESPACE", before, current)})
    elif action.metavar in ("POD", "CONTAINER"):
        yield from _running(action.metavar, before, current)
    elif action.metavar in ("RESOURCE", "RESOURCE/NAME"):
        from .complete_objects import resources

        yield from resources(before, current)


def _first_words(verb: str, words: Sequence[str], offered: Sequence[str]) -> Sequence[str]:
    """What may stand behind the words of a verb that has kinds of its own."""
    if not words:
        return offered
    if verb == "create":
        return _SECRETS if words == ["secret"] else ()
    return list(_running("POD", words, "")) if words[0].startswith("po") else ()


def _running(what: str, before: Sequence[str], current: str) -> Iterator[str]:
    """Names of what runs now; nothing when we may not look."""
    from ..errors import NsrunnerError
    from .pods import running_pods

    try:
        pods = running_pods()
    except (OSError, NsrunnerError):
        return
    if what == "POD":
        names = [pod.name for pod in pods]
    elif what == "NAMESPACE":
        names = [pod.namespace for pod in pods]
    else:
        names = [name for pod in pods if pod.name in before for name in pod.containers]
    yield from sorted({name for name in names if name.startswith(current)})
