from __future__ import annotations

import pytest

from nsrunner.model.capabilities import CAPABILITIES, is_capability


def test_the_list_is_the_kernels() -> None:
    assert len(CAPABILITIES) == len(set(CAPABILITIES)) == 41
    assert CAPABILITIES.index("CHOWN") == 0
    assert CAPABILITIES.index("SYS_ADMIN") == 21
    assert CAPABILITIES.index("CHECKPOINT_RESTORE") == 40


@pytest.mark.parametrize("name", ["NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "ALL", "all", "CAP_ALL"])
def test_known(name: str) -> None:
    assert is_capability(name)


@pytest.mark.parametrize("name", ["", "CAP_", "NETADMIN", "SYS_ADMIN ", "SYS_ADMIN\n", "CAP_CAP_CHOWN", "0"])
def test_unknown(name: str) -> None:
    assert not is_capability(name)
