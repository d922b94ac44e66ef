"""The cffi extension (csrc/ffi.cdef.h says what is in it). Only nsrunner/sandbox/native.py imports it."""

from typing import Any

ffi: Any
lib: Any
