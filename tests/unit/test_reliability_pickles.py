"""Pickles from strangers: nothing runs, nothing reaches into memory, and none costs more than its size."""

import pickle
import time
from collections import OrderedDict

import numpy as np
import pytest

from emorec.datasets.pickles import safe_unpickle
from emorec.errors import DataCorrupt

NESTED = b"N" + b"".join(b"\x94h" + bytes([i]) + b"\x86" for i in range(60))  # 60 pairs, each twice the one before


@pytest.mark.parametrize("protocol", range(6))
def test_what_numpy_and_python_write_comes_back(protocol):
    values = [
        np.arange(12.0).reshape(3, 4).T, np.array(["a", "bcd"]), np.array([[1, "x"], [None, 2.5]], object), np.array(5),
        np.zeros((2, 0, 3)), np.arange(3, dtype=">i2"), np.arange(5000.0), np.float32(2), np.bool_(True), b"", b"xyz",
        {1, 2}, frozenset("ab"), bytearray(b"abc"), 1 + 2j, OrderedDict(a=1), {"a": {(1, "b"): 3}}, [None, True, -1.5],
    ]  # fmt: skip
    for value in values:
        back, expected = (read(pickle.dumps(value, protocol)) for read in (safe_unpickle, pickle.loads))
        assert type(back) is type(expected)
        if isinstance(value, np.ndarray):
            assert back.shape == expected.shape and np.array_equal(back, expected) and back.flags.writeable
            assert back.flags.f_contiguous == expected.flags.f_contiguous
        else:
            assert back == expected
    both = safe_unpickle(pickle.dumps([array := np.array([1, None], object), array], protocol))
    assert both[0] is both[1]


HOSTILE = {
    # FINDINGS E1: numpy read addresses behind the end of a list of three.
    "a shape larger than its list": pickle.dumps(np.array([1, 2, 3], object), 2).replace(b"K\x03\x85", b"K\xfa\x85"),
    "a shape larger than its bytes": pickle.dumps(np.arange(3), 2).replace(b"K\x03\x85", b"K\xfa\x85"),
    "a dtype whose state has no end": b"\x80\x04cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R" + NESTED + b"b.",
    "a shared dtype made big-endian": b"\x80\x04cnumpy\ndtype\n\x8c\x02f8\x89\x89\x87R"
    b"(K\x03\x8c\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x01tb.",
    "a key whose hash has no end": b"\x80\x04}" + NESTED + b"Ns.",
    "a set of what has no end": b"\x80\x04\x8f(" + NESTED + b"\x90.",
    "pairs of pairs of pairs": b"\x80\x04" + NESTED + b".",
    "a list in itself": b"\x80\x04]\x94h\x00a.",
    "a terabyte announced": b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
    "a bytearray by its size": b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\0\0\0\0\x10\x85R.",
    "an array by its size": b"\x80\x02cnumpy\nndarray\n\x8a\x05\0\0\0\0\x10\x85R.",
    "an array that is filled twice": pickle.dumps(np.arange(3), 2)[:-1] + b"(K\x01K\x00\x85NK\x00C\x00tb.",
    "text in a codec that doubles it": b"\x80\x04c_codecs\nencode\nC\x01a\x8c\x03hex\x86R.",
}  # fmt: skip


@pytest.mark.fault(
    "A pickle announces other sizes than it has, repeats itself without end, or forges an array's state",
    "`DataCorrupt`, at once; numpy's own dtypes stay as they were",
)
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pickles_are_refused_at_once(what):
    before = time.process_time()
    with pytest.raises(DataCorrupt):
        safe_unpickle(HOSTILE[what])
    assert time.process_time() - before < 5  # they took minutes, or all memory
    assert np.dtype("f8").isnative


def test_a_list_may_stand_in_several_places():
    row = list(range(100))
    assert safe_unpickle(pickle.dumps([row] * 10))[9] == row
