"""A hundred generated objects; a thousand under `make soak`, and a thousand in memory in tests/unit."""

from __future__ import annotations

import hostile_rounds
from figures import Figure
from ground import Ground

SEED = 20_240_303
EACH = 50
QUIET_SECONDS = 5.0


def test_a_hundred_specs(place: Ground, figure: Figure) -> None:
    answers = hostile_rounds.run(place, SEED, EACH, QUIET_SECONDS)
    figure("generated specs refused with a reason", answers.refused)
    figure("generated specs reconciled", answers.reconciled)
