"""Which tier a mode asks for."""

from __future__ import annotations

import pytest

from backbone.authority.tier import Mode, Tier, requested_tier


@pytest.mark.parametrize(
    ("mode", "tier"),
    [("Auto", "Bootstrap"), ("Bootstrap", "Bootstrap"), ("Institutional", "Institutional")],
    ids=[
        "Auto stays on Bootstrap while nothing else is configured",
        "Bootstrap is itself",
        "Institutional is asked for, whoever serves",
    ],
)
def test_requested_tier(mode: Mode, tier: Tier) -> None:
    assert requested_tier(mode) == tier
