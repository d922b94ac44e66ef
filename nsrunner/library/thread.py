"""The event loop behind the synchronous Pod: one thread per process, there as long as somebody needs it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, ClassVar, Self, TypeVar

from nsrunner.errors import UsageError

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """A thread that runs an event loop, counted by its users."""

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _current: ClassVar[LoopThread | None] = None

    def __init__(self) -> None:
        self._users = 0
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # A daemon thread: a program that forgets to close its pods must still be able to end (and then its pods do).
        self._thread = threading.Thread(target=self._run, name="nsrunner", daemon=True)
        self._thread.start()

    @classmethod
    def acquire(cls) -> Self:
        """The process's thread, started if need be. Call release() when done."""
        with cls._lock:
            thread = cls._current
            if thread is None:
                thread = LoopThread._current = cls()
            thread._users += 1
        assert isinstance(thread, cls)
        return thread

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            LoopThread._current = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine on the loop. Raises UsageError where that cannot be."""
        problem = ""
        if self.foreign:
            problem = f"this pod belongs to process {self._process}, from which this one was forked"
        elif threading.current_thread() is self._thread:
            problem = "a Pod cannot be used from its own event loop: use AsyncPod"
        elif self._loop.is_closed():
            problem = "the pod was closed"
        if problem:
            coroutine.close()
            raise UsageError(problem)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop and waits for its result. An interrupt (Ctrl-C) cancels it."""
        future = self.submit(coroutine)
        try:
            self._await(future)
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _await(self, future: Future[Any]) -> None:
        """Returns when the future is done, or at once when a signal's handler raises.

        Waiting for the future's own lock would do, but for a signal that comes between the interpreter's last look for
        one and the wait: its handler runs when the wait is over, which may be never. A wakeup descriptor misses none.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # no handler runs here
        before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            if before != -1:
                return  # somebody else's: an event loop's, or that of a call that this one interrupts
            future.add_done_callback(self._wake)
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            while not future.done():
                poll.poll()
                self._drain()
        finally:
            signal.set_wakeup_fd(before)

    def _wake(self, future: Future[Any]) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # full: it is readable

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def tell(self, callback: Callable[[], None]) -> None:
        """Has something called on the loop, without waiting for it."""
        self._loop.call_soon_threadsafe(callback)

    def iterate(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """The items of an asynchronous generator, each fetched when it is asked for."""
        try:
            while True:
                try:
                    yield self.call(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            if not self._loop.is_closed() and not self.foreign:  # the loop's end closes what is still open
                self.call(items.aclose())

    @property
    def foreign(self) -> bool:
        """The process was forked: the thread, and what it served, are the parent's."""
        return os.getpid() != self._process

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    @staticmethod
    def _after_fork() -> None:
        """The child has no such thread. Its copies of the loop's descriptors are left alone: closing the loop would
        change the parent's epoll set."""
        LoopThread._lock = threading.Lock()
        LoopThread._current = None


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)


os.register_at_fork(after_in_child=LoopThread._after_fork)
