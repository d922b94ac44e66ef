from __future__ import annotations

import pytest

from nsrunner.cli.parser import Parser
from nsrunner.cli.sysctls import add_allowed_unsafe_sysctls


def parse(*words: str) -> list[str]:
    verb = Parser("nsrunner x", usage="nsrunner x", description="")
    add_allowed_unsafe_sysctls(verb)
    patterns: list[str] = verb.parse_words(words).allowed_unsafe_sysctls
    return patterns


def test_commas_and_repetition_add_up() -> None:
    option = "--allowed-unsafe-sysctls"
    assert parse() == []
    assert parse(option, "kernel.msg*,net.core.somaxconn", f"{option}=net/ipv6/*") == [
        "kernel.msg*",
        "net.core.somaxconn",
        "net/ipv6/*",
    ]
    assert parse() == []  # what one command line gave is not the next one's default


@pytest.mark.parametrize("text", ["", "net.core.*,", "kernel.*", "net.core.*;kernel.sem"])
def test_wrong_ones_are_told_with_their_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--allowed-unsafe-sysctls", text)
    assert caught.value.code == 2
    assert f'argument --allowed-unsafe-sysctls: "{text.rpartition(",")[2]}": ' in capsys.readouterr().err
