import time

from nsrunner.supervisor.clock import SystemClock


def test_the_clocks_of_the_shim() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
    now = SystemClock().now()
    after = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
    assert before[0] <= now.mono <= after[0]
    assert before[1] <= now.wall <= after[1]
