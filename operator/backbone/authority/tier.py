"""Which tier a mode asks for, and which one this version can serve."""

from __future__ import annotations

from typing import Literal

Mode = Literal["Auto", "Bootstrap", "Institutional"]
Tier = Literal["Bootstrap", "Institutional"]


def requested_tier(mode: Mode) -> Tier:
    """Tell which tier a mode asks for.

    Auto stays on Bootstrap until Timescale, Redis and Kafka are configured, and none of them can be yet.
    """
    return "Institutional" if mode == "Institutional" else "Bootstrap"
