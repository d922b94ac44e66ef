from __future__ import annotations

from nsrunner.api.errors import bad_request
from nsrunner.api.ports import Ended
from nsrunner.api.streams.remote_status import encoded, status_of


def test_how_an_end_is_told() -> None:
    success, failure = status_of(Ended()), status_of(Ended(exit_code=137))
    assert encoded(success, 4) == b'{"metadata":{},"status":"Success"}'
    assert encoded(success, 1) == b""
    assert failure["reason"] == "NonZeroExitCode"
    assert failure["details"] == {"causes": [{"reason": "ExitCode", "message": "137"}]}
    assert encoded(failure, 3) == b"command terminated with non-zero exit code: exit status 137"
    assert status_of(Ended(error="cut off", exit_code=1))["message"] == "Internal error occurred: cut off"
    assert status_of(bad_request("no"))["code"] == 400
