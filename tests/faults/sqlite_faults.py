"""How the n-th write or fsync of SQLite is made to fail: the file methods of its own VFS, wrapped.

SQLite reaches the disk through a table of function pointers. The wrapper stands in that table, counts, and answers with
the error code that the real method gives for EIO or ENOSPC; everything above it is SQLite as it is. No compiler is
needed, only a ``sqlite3`` module that uses a shared library (``AVAILABLE``).
"""

from __future__ import annotations

import ctypes
import errno
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.faults import Faults

_WORDS = 20  # of sqlite3_io_methods, version 3: a number and 18 pointers
_X_WRITE, _X_SYNC, _X_OPEN = 3, 5, 6
_CODES = {
    ("write", errno.EIO): 778,
    ("write", errno.ENOSPC): 13,
    ("fsync", errno.EIO): 1034,
    ("fsync", errno.ENOSPC): 1034,
}

_Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)

# Files that are still open when a test ends go on using their table.
_kept: list[Any] = []


def _library() -> ctypes.CDLL | None:
    """The library that the module ``sqlite3`` uses, not another one of the same name."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/maps") as maps:
        found = {line.split(maxsplit=5)[5].strip() for line in maps if "libsqlite3" in line}
    if len(found) != 1:
        return None
    library = ctypes.CDLL(found.pop())
    library.sqlite3_libversion.restype = ctypes.c_char_p
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    return library if library.sqlite3_libversion().decode() == sqlite3.sqlite_version else None


_LIBRARY = _library()
AVAILABLE = _LIBRARY is not None


@contextmanager
def faulty_sqlite(faults: Faults) -> Iterator[None]:
    """While the block runs, files that SQLite opens obey ``faults`` (calls ``write`` and ``fsync``)."""
    assert _LIBRARY is not None
    vfs = _LIBRARY.sqlite3_vfs_find(None)
    # struct sqlite3_vfs: three ints (padded to two words), pNext, zName, pAppData, then xOpen.
    slot = ctypes.c_void_p.from_address(vfs + 5 * ctypes.sizeof(ctypes.c_void_p))
    original = slot.value
    assert original is not None
    real_open = _Open(original)
    tables: dict[int, ctypes.Array[ctypes.c_void_p]] = {}

    def wrapped(methods: int) -> int:
        if methods not in tables:
            table = (ctypes.c_void_p * _WORDS).from_buffer_copy((ctypes.c_char * (_WORDS * 8)).from_address(methods))
            real_write, real_sync = _Write(table[_X_WRITE]), _Sync(table[_X_SYNC])

            def write(file: int, data: int, size: int, offset: int) -> int:
                code = faults.asked("write")
                return _CODES["write", code] if code else real_write(file, data, size, offset)

            def sync(file: int, flags: int) -> int:
                code = faults.asked("fsync")
                return _CODES["fsync", code] if code else real_sync(file, flags)

            new = (_Write(write), _Sync(sync))
            table[_X_WRITE] = ctypes.cast(new[0], ctypes.c_void_p).value
            table[_X_SYNC] = ctypes.cast(new[1], ctypes.c_void_p).value
            _kept.extend((table, new, real_write, real_sync))
            tables[methods] = table
        return ctypes.addressof(tables[methods])

    def opened(which: int, name: int, file: int, flags: int, out: int) -> int:
        code = real_open(which, name, file, flags, out)
        methods = ctypes.c_void_p.from_address(file)
        if code == 0 and methods.value is not None:
            methods.value = wrapped(methods.value)
        return code

    ours = _Open(opened)
    _kept.append(ours)
    slot.value = ctypes.cast(ours, ctypes.c_void_p).value
    try:
        yield
    finally:
        slot.value = original
