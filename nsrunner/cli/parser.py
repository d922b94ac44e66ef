"""The argument parser of every verb: argparse with prose that wraps, examples that do not, and errors in one style.

argparse and not click: one look and one set of rules for all verbs, a quarter of click's import time, and the shell
completion is made from the very same parsers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from ..errors import UsageError
from . import exits
from .output import escape, say, terminal_width

__all__ = ["Misuse", "Parser", "suggestion"]


class Misuse(UsageError):
    """The command line itself is wrong, in a way that its parser does not see."""

    exit_code = exits.USAGE


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` Did you mean "logs"?`` with a leading blank, or nothing."""
    import difflib  # like textwrap below: for those who ask for help, or need it

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""


_TRUTHS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class _Formatter(argparse.HelpFormatter):
    """Wraps paragraphs to the terminal; indented paragraphs (examples, tables) stay as they are."""

    def __init__(self, prog: str) -> None:
        width = min(terminal_width(sys.stdout) or 80, 100)
        super().__init__(prog, max_help_position=26 if width >= 60 else 8, width=max(width - 2, 24))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        paragraphs = textwrap.dedent(text).strip("\n").split("\n\n")
        return "\n\n".join(self._paragraph(paragraph, width) for paragraph in paragraphs)

    @staticmethod
    def _paragraph(paragraph: str, width: int) -> str:
        import textwrap

        lines = paragraph.split("\n")
        if not any(line.startswith(" ") for line in lines):
            return textwrap.fill(" ".join(lines), width)
        return "\n".join(lines)


class Parser(argparse.ArgumentParser):
    """Prints its errors as ``nsrunner run: MESSAGE`` with the way to the help, and exits with 2."""

    def __init__(
        self, prog: str, *, usage: str, description: str, epilog: str = "", takes_command: bool = False
    ) -> None:
        """``takes_command``: what follows ``--`` is a command and goes to ``command``, untouched."""
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self._takes_command = takes_command
        self._positionals.title = "arguments"
        self._optionals.title = "options"
        self.add_argument("-h", "--help", action="help", help="show this help")

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """The options; exits with 2 (``SystemExit``) when they are wrong, and with 0 after ``--help``."""
        command: Sequence[str] = ()
        if self._takes_command and "--" in words:
            at = words.index("--")
            words, command = words[:at], words[at + 1 :]
        words, flags = self._without_values(words)
        options = self.parse_intermixed_args(words)
        for name, value in flags.items():
            setattr(options, name, value)
        if self._takes_command:
            options.command = list(command)
        return options

    def _without_values(self, words: Sequence[str]) -> tuple[list[str], dict[str, bool]]:
        """The words without such as ``--force=false``, which Go's flags let be written; and what these say."""
        rest: list[str] = []
        flags: dict[str, bool] = {}
        for word in words:
            name, equals, value = word.partition("=")
            action = self._option_string_actions.get(name) if equals else None
            if action is None or action.const is not True:
                rest.append(word)
            elif value.lower() in _TRUTHS:
                flags[action.dest] = _TRUTHS[value.lower()]
            else:
                self.error(f'invalid argument "{value}" for "{name}": true or false is expected')
        return rest, flags

    def option_actions(self) -> dict[str, argparse.Action]:
        """``--option`` to what it does; those with ``nargs`` None take a value."""
        return dict(self._option_string_actions)

    def positional_actions(self) -> list[argparse.Action]:
        return self._get_positional_actions()

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split()[0]
            hint = suggestion(word.split("=")[0], self._option_string_actions) if word.startswith("-") else ""
            if self._takes_command and not word.startswith("-"):
                hint = f' A command stands after "--": {self.prog} ... -- {word}'
            message = f"unknown {'option' if word.startswith('-') else 'argument'}: {word}.{hint}".rstrip(".")
        say(f"{self.prog}: {escape(message)}\nSee '{self.prog} --help'.")
        raise SystemExit(exits.USAGE)
