"""Which tier a mode asks for."""

from __future__ import annotations

import pytest

from backbone.authority.tier import Mode, Tier, requested_tier


@pytest.mark.parametrize(
    ("mode", "services", "tier"),
    [
        ("Auto", "", "Bootstrap"),
        ("Auto", "timescale redis", "Bootstrap"),
        ("Auto", "timescale redis kafka", "Institutional"),
        ("Bootstrap", "timescale redis kafka", "Bootstrap"),
        ("Institutional", "timescale", "Institutional"),
    ],
)
def test_requested_tier(mode: Mode, services: str, tier: Tier) -> None:
    given = {name: name in services.split() for name in ("timescale", "redis", "kafka")}
    assert requested_tier(mode, **given) == tier
