"""Which tier a mode asks for."""

from __future__ import annotations

from typing import Literal

Mode = Literal["Auto", "Bootstrap", "Institutional"]
Tier = Literal["Bootstrap", "Institutional"]


def requested_tier(mode: Mode, *, timescale: bool, redis: bool, kafka: bool) -> Tier:
    """Tell which tier a mode asks for, given which services are configured.

    Auto stays on Bootstrap until all of them are.
    """
    if mode == "Auto":
        return "Institutional" if timescale and redis and kafka else "Bootstrap"
    return mode
