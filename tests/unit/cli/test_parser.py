from __future__ import annotations

import pytest

from nsrunner.cli.parser import Parser, suggestion


@pytest.fixture
def parser() -> Parser:
    made = Parser(
        "nsrunner try",
        usage="nsrunner try POD -- COMMAND",
        description="A paragraph that is long enough\nto be wrapped to the width of the terminal.\n\nAnother one.",
        epilog="examples:\n  nsrunner try web -- a very long example that is never wrapped whatever the width is",
        takes_command=True,
    )
    made.add_argument("pod", metavar="POD")
    made.add_argument("--loud", action="store_true")
    return made


def test_a_command_is_left_alone(parser: Parser) -> None:
    options = parser.parse_words(["web", "--loud", "--", "sh", "--loud", "--", "x"])
    assert (options.pod, options.loud, options.command) == ("web", True, ["sh", "--loud", "--", "x"])
    assert parser.parse_words(["web"]).command == []


def test_help_wraps_prose_and_not_examples(
    parser: Parser, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(SystemExit) as end:
        parser.parse_words(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "A paragraph that is long enough to be\nwrapped to the width of the terminal.\n\nAnother one." in out
    assert "\n  nsrunner try web -- a very long example that is never wrapped whatever the width is\n" in out


def test_abbreviations_are_refused(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser.parse_words(["web", "--lou"])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "nsrunner try: unknown option: --lou. Did you mean \"--loud\"?\nSee 'nsrunner try --help'.\n"
    )


def test_control_characters(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser.parse_words(["web", "\x1b]0;x"])
    assert "unknown argument: \\x1b]0;x. " in capsys.readouterr().err


def test_what_completion_asks(parser: Parser) -> None:
    assert set(parser.option_actions()) == {"-h", "--help", "--loud"}
    assert [action.metavar for action in parser.positional_actions()] == ["POD"]


@pytest.mark.parametrize(("word", "text"), [("lgos", ' Did you mean "logs"?'), ("xyzzy", "")])
def test_suggestion(word: str, text: str) -> None:
    assert suggestion(word, ["logs", "exec"]) == text
