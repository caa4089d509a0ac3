"""What a trading program imports: market data that runs published, and whether it is fit to decide on.

    with Client(Path("backbone-data/market")) as client, client.snapshot() as data:
        if data.fitness(DAILY_BARS, ["AAPL"]):
            bars = data.rows(DAILY_BARS, ["AAPL"], last=250)

Needs Arrow and DuckDB. Pandas is imported by who asks for a frame, a join, or freshness by sessions.
"""

from ..market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
    Dimension,
)
from ..ports.cache import BOOTSTRAP, INSTITUTIONAL, CacheCounts, CachePolicy, SymbolTier
from ..ports.store import Line
from .errors import Ambiguous, BackboneError, NotHeld, NothingPublished, Rejected, StoreCorrupt, StoreError
from .fitness import Fitness, FitnessFinding, Unfit
from .following import Client
from .snapshot import Snapshot, frame

__all__ = [
    "BOOTSTRAP",
    "DAILY_BARS",
    "INSTITUTIONAL",
    "INTRADAY_BARS",
    "INTRADAY_TRADES",
    "MACRO_EVENTS",
    "MACRO_SERIES",
    "Ambiguous",
    "BackboneError",
    "CacheCounts",
    "CachePolicy",
    "Client",
    "Dimension",
    "Fitness",
    "FitnessFinding",
    "Line",
    "NotHeld",
    "NothingPublished",
    "Rejected",
    "Snapshot",
    "StoreCorrupt",
    "StoreError",
    "SymbolTier",
    "Unfit",
    "frame",
]
