"""``nsrunner __complete WORD...``: what the shells' completion scripts ask, answered from the verbs' own parsers.

The last word is the one being typed. One candidate a line; the line ``:files`` asks the shell for file names as well.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence

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
    *before, current = words
    if not before:
        return _starting(current, [*VERBS, "--help", "--version"] if current.startswith("-") else VERBS)
    if before[0] == "help":
        return _starting(current, VERBS) if len(before) == 1 else []
    if before[0] not in VERBS:
        return []
    return list(_for_verb(before[0], before[1:], current))


def _starting(current: str, words: Sequence[str] | dict[str, tuple[str, str]]) -> list[str]:
    return [word for word in words if word.startswith(current)]


def _for_verb(verb: str, before: Sequence[str], current: str) -> Iterator[str]:
    if "--" in before:
        return
    module = importlib.import_module(f"nsrunner.cli.{VERBS[verb][0]}")
    verb_parser: Parser = module.parser()
    options = verb_parser.option_actions()
    given = options.get(before[-1]) if before else None
    if given is not None and given.nargs is None:
        yield from _values(given, before, current)
        return
    if current.startswith("-"):
        used = {id(options[word]) for word in before if word in options}
        for name, action in sorted(options.items()):
            if name.startswith("--") and name.startswith(current) and id(action) not in used:
                yield name
        return
    position = sum(1 for _ in _positionals(before, options))
    arguments = verb_parser.positional_actions()
    if not arguments:
        return
    action = arguments[min(position, len(arguments) - 1)]
    if position >= len(arguments) and action.nargs not in ("+", "*"):
        return
    yield from _values(action, before, current)


def _positionals(before: Sequence[str], options: dict[str, argparse.Action]) -> Iterator[str]:
    value_follows = False
    for word in before:
        if value_follows:
            value_follows = False
        elif word in options:
            value_follows = options[word].nargs is None
        elif not word.startswith("-") or word == "-":
            yield word


def _values(action: argparse.Action, before: Sequence[str], current: str) -> Iterator[str]:
    if action.choices is not None:
        yield from _starting(current, [str(choice) for choice in action.choices])
    elif action.metavar == "FILE":
        yield FILES
    elif action.metavar in ("POD", "CONTAINER", "NAMESPACE"):
        yield from _running(action.metavar, before, current)
    elif action.metavar == "RESOURCE":
        from .complete_objects import resources

        yield from resources(before, current)


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
