from nsrunner.library.items import ExecResult


def test_a_command_was_fine_when_its_exit_code_was_0() -> None:
    assert ExecResult(exit_code=0).ok
    assert not ExecResult(exit_code=137).ok
