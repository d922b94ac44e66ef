import pytest

from nsrunner.errors import UsageError
from nsrunner.library.options import RunOptions, run_options


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
