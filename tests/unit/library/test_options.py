import pytest

from nsrunner.errors import UsageError
from nsrunner.library.options import Options, RunOptions, run_options


def test_keywords_are_the_fields_of_the_object() -> None:
    assert run_options(None, {"namespace": "x", "image_fallback": "host"}) == RunOptions(
        namespace="x", image_fallback="host"
    )
    assert run_options(None, {}) == RunOptions()


def test_an_object_is_taken_as_it_is() -> None:
    options = RunOptions(grace_period=3)
    assert run_options(options, {}) is options


def test_both_at_once_is_an_error() -> None:
    with pytest.raises(UsageError, match="given twice: as an object and as namespace, root"):
        run_options(RunOptions(), {"root": "/x", "namespace": "y"})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_fallback": "hots"}, 'image_fallback: "hots": there is "" and "host"'),
        ({"root": "state"}, 'root: "state": must be an absolute path'),
        ({"address": "192.0.2.300/32"}, 'address: "192.0.2.300/32": an address and its prefix length'),
        ({"address": "192.0.2.1"}, 'address: "192.0.2.1": an address and its prefix length'),
        ({"log_max_files": 1}, "log_max_files: 1: at least 2"),
        (
            {"allowed_unsafe_sysctls": ("net.*", "kernel.*")},
            'allowed_unsafe_sysctls: "kernel.*": not known to be namespaced',
        ),
        ({"grace_period": -1}, "grace_period: -1: must not be negative"),
    ],
)
def test_a_wrong_option_is_told_at_once(wrong: Options, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunOptions(**wrong)
    assert str(caught.value).startswith(message)


def test_an_address_may_be_of_either_family_or_none() -> None:
    for address in ("", "198.51.100.7/24", "2001:db8::7/64"):
        assert RunOptions(address=address).address == address
