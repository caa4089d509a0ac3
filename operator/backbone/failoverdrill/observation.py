"""What a visit of a FailoverDrill sees."""

from __future__ import annotations

from dataclasses import dataclass

from ..ports.readings import BackboneReading


@dataclass(frozen=True, slots=True)
class Observation:
    """The backbone to rehearse on; None where there is none."""

    backbone: BackboneReading | None
