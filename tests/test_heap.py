"""Memory goes back in small steps, where the C library can be told so."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_SCRIPT = """
import ctypes, sys
from gateway.heap import free_in_small_steps

class Info(ctypes.Structure):  # struct mallinfo2 of mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
if sys.argv[1] == "told":
    assert free_in_small_steps()
pieces = [libc.malloc(100) for _ in range(10_000)]
for piece in pieces:
    libc.free(piece)
print(libc.mallinfo2().fsmblks)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or newer")
def test_nothing_is_left_to_be_joined_later():
    def left(how: str) -> int:
        command = [sys.executable, "-c", _SCRIPT, how]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return int(done.stdout)

    assert left("told") == 0
    assert left("not told") > 100_000  # the same without: what the next large piece would pay for
