"""The digests of many messages are those of the standard library."""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pytest

from backbone.market.digests import CHUNK_ROWS, FEW_ROWS, md5_halves


def expected(message: bytes) -> tuple[int, int]:
    digest = md5(message, usedforsecurity=False).hexdigest()
    return int(digest[:16], 16), int(digest[16:], 16)


@pytest.mark.parametrize("count", [1, FEW_ROWS, FEW_ROWS + 1])
@pytest.mark.parametrize("width", [0, 1, 55, 56, 63, 64, 65, 119, 120, 140])
def test_a_digest_is_that_of_the_standard_library(width: int, count: int) -> None:
    messages = np.random.default_rng(width).integers(0, 256, (count, width), dtype=np.uint8)
    high, low = md5_halves(messages)
    found = list(zip(high.tolist(), low.tolist(), strict=True))
    assert found == [expected(message.tobytes()) for message in messages]


def test_messages_beyond_one_chunk_have_digests_too() -> None:
    messages = np.arange((CHUNK_ROWS + 3) * 4, dtype=np.uint32).view(np.uint8).reshape(-1, 16)
    high, low = md5_halves(messages)
    for row in (0, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 2):
        assert (high[row], low[row]) == expected(messages[row].tobytes())


def test_no_message_has_no_digest() -> None:
    high, low = md5_halves(np.empty((0, 16), np.uint8))
    assert (len(high), len(low)) == (0, 0)
