"""MD5 of many messages at once: all rows of a matrix of bytes take each step of the algorithm together.

MD5, because PostgreSQL and DuckDB have it; it tells rows apart and protects nothing.
"""

from __future__ import annotations

import math
from hashlib import md5

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Numbers = NDArray[np.uint64]

CHUNK_ROWS = 8192
"""So many that the words of a block and the temporary arrays stay in the processor's cache."""
FEW_ROWS = 1024
"""Up to so many rows the steps of all together take longer than the library does for one row at a time."""
_BLOCK_BYTES = 64
_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_PLACES = ((1, 0), (5, 1), (3, 5), (7, 0))
"""Of each round: step i takes the word a * i + b of the block."""
_CONSTANTS = tuple(np.uint32(math.floor(abs(math.sin(step + 1)) * 2**32)) for step in range(64))
_START = tuple(np.uint32(word) for word in (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476))


def md5_halves(messages: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """The digest of each row, as the numbers that its first and its last 16 hexadecimal digits write."""
    count, width = messages.shape
    if count <= FEW_ROWS:
        return _one_by_one(messages)
    blocks = (width + 8) // _BLOCK_BYTES + 1
    high, low = np.empty(count, np.uint64), np.empty(count, np.uint64)
    padded = np.zeros((min(count, CHUNK_ROWS), blocks * _BLOCK_BYTES), np.uint8)
    padded[:, width] = 0x80
    padded[:, -8:] = np.frombuffer((width * 8).to_bytes(8, "little"), np.uint8)
    for first in range(0, count, CHUNK_ROWS):
        chunk = messages[first : first + CHUNK_ROWS]
        padded[: len(chunk), :width] = chunk
        words = np.ascontiguousarray(padded[: len(chunk)].view("<u4").T).astype(np.uint32, copy=False)
        a, b, c, d = _digests(words)
        high[first : first + CHUNK_ROWS] = _number(a, b)
        low[first : first + CHUNK_ROWS] = _number(c, d)
    return high, low


def _one_by_one(messages: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    digests = b"".join(md5(message.tobytes(), usedforsecurity=False).digest() for message in messages)
    halves = np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 2)
    return halves[:, 0], halves[:, 1]


def _number(first: Words, second: Words) -> Numbers:
    """The number of eight bytes, of which MD5 writes each word with its least byte first."""
    return (first.byteswap().astype(np.uint64) << np.uint64(32)) | second.byteswap()


def _digests(words: Words) -> list[Words]:
    state = [np.full(words.shape[1], word) for word in _START]
    for first in range(0, len(words), 16):
        mixed = _mixed(state, words[first : first + 16])
        for kept, added in zip(state, mixed, strict=True):
            np.add(kept, added, out=kept)
    return state


def _mixed(state: list[Words], block: Words) -> list[Words]:
    a, b, c, d = (word.copy() for word in state)
    chosen, shifted = np.empty_like(a), np.empty_like(a)
    for step in range(64):
        kind = step // 16
        _choose(kind, b, c, d, chosen)
        factor, start = _PLACES[kind]
        np.add(a, chosen, out=a)
        np.add(a, block[(factor * step + start) % 16], out=a)
        np.add(a, _CONSTANTS[step], out=a)
        left = _SHIFTS[kind][step % 4]
        np.right_shift(a, np.uint32(32 - left), out=shifted)
        np.left_shift(a, np.uint32(left), out=a)
        np.bitwise_or(a, shifted, out=a)
        np.add(a, b, out=a)
        a, b, c, d = d, a, b, c
    return [a, b, c, d]


def _choose(kind: int, b: Words, c: Words, d: Words, out: Words) -> None:
    """The function of the round: which bits of b, c and d go into the step."""
    match kind:
        case 0:
            np.bitwise_xor(c, d, out=out)
            np.bitwise_and(out, b, out=out)
            np.bitwise_xor(out, d, out=out)
        case 1:
            np.bitwise_xor(b, c, out=out)
            np.bitwise_and(out, d, out=out)
            np.bitwise_xor(out, c, out=out)
        case 2:
            np.bitwise_xor(b, c, out=out)
            np.bitwise_xor(out, d, out=out)
        case _:
            np.invert(d, out=out)
            np.bitwise_or(out, b, out=out)
            np.bitwise_xor(out, c, out=out)
