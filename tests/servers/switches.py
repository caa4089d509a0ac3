"""Faults as values, and the board on which they are switched on and off while a server runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVERYONE = "*"


@dataclass
class Fault:
    """What goes wrong, for whom, and how often.

    `count` None is until it is taken away, `seconds` how long it lasts from now on. What a kind needs beside
    that is in `detail`.
    """

    kind: str
    symbol: str = EVERYONE
    count: int | None = None
    seconds: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Fault:
        """From a JSON object; what is no field of ours is detail."""
        known = {name: content[name] for name in ("kind", "symbol", "count", "seconds") if name in content}
        return cls(**known, detail={name: value for name, value in content.items() if name not in known})

    def concerns(self, symbol: str) -> bool:
        """Whether it is on for a symbol."""
        lasting = self.seconds is None or time.monotonic() < self.since + self.seconds
        return lasting and self.count != 0 and self.symbol in {EVERYONE, symbol}


class Board:
    """The faults that are on, and the requests that came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._requests: list[dict[str, str]] = []

    def on(self, kind: str, symbol: str = EVERYONE, **more: Any) -> Fault:
        """Switch a fault on."""
        fault = Fault.of({"kind": kind, "symbol": symbol, **more})
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._faults.clear()

    def hit(self, symbol: str, kinds: frozenset[str]) -> list[Fault]:
        """The faults of some kinds that meet a request now; each of them counts as used."""
        with self._lock:
            found = [item for item in self._faults if item.kind in kinds and item.concerns(symbol)]
            for item in found:
                if item.count is not None:
                    item.count -= 1
            return found

    def note(self, request: dict[str, str]) -> None:
        """Keep what was asked."""
        with self._lock:
            self._requests.append(request)

    def requests(self, **wanted: str) -> list[dict[str, str]]:
        """What was asked so far, in order; of it what has these values."""
        with self._lock:
            return [item for item in self._requests if wanted.items() <= item.items()]
