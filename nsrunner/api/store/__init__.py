"""Where the API's objects are: in memory for readers, in SQLite for the next process.

Everything is read from memory. A write changes memory at once and goes to a thread that commits what has gathered;
whoever promises something to a client waits for :meth:`Store.committed`.
"""

from nsrunner.api.store.offline import Snapshot, read_offline
from nsrunner.api.store.store import Store
from nsrunner.api.store.values import Change, Changed, Exists, Expired, Key, Missing, StoreError, StoreUnavailable
from nsrunner.api.store.watch import Watch

__all__ = [
    "Change",
    "Changed",
    "Exists",
    "Expired",
    "Key",
    "Missing",
    "Snapshot",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Watch",
    "read_offline",
]
