"""What a cache of answers is to readers: its policy, its keys, its counts, and what can be wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from ..documented import Documented
from ..errors import Rejected

if TYPE_CHECKING:
    import pyarrow as pa

    from .store import Selection

DIGEST_DIGITS = 32
TAG_DIGITS = 8
MOST_TAGS = 16
"""An answer about more subjects than that counts as one about all."""
ALL = "all"
GREATEST_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class SymbolTier:
    """Symbols whose answers are kept for another time, or longer than others when room is short.

    `ttl` None is the policy's. The lower `priority`, from -1,000 to 1,000, is evicted first; symbols of no
    tier have priority 0. Raises Rejected for values of other types.
    """

    name: str
    symbols: frozenset[str]
    ttl: timedelta | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        symbols = self.symbols
        if isinstance(symbols, str) or not isinstance(symbols, Iterable):
            raise Rejected(f"symbols={symbols!r} of the tier {self.name!r} are not a list of symbols")
        object.__setattr__(self, "symbols", frozenset(symbols))
        _expect_types(self, str, "symbols", *self.symbols)
        _expect_types(self, timedelta, "ttl", *filter(lambda given: given is not None, [self.ttl]))
        _expect_types(self, int, "priority", self.priority)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long answers are kept, and how many. Raises Rejected for a policy that could keep nothing.

    What shares a namespace shares its answers: give each backbone one of its own.

    An answer about several symbols lives as long as its shortest-lived one, and has the priority of its
    highest.
    """

    ttl: timedelta
    max_keys: int
    namespace: str = "emp:cache"
    tiers: tuple[SymbolTier, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(self.tiers))
        _expect_types(self, timedelta, "ttl", self.ttl)
        _expect_types(self, int, "max_keys", self.max_keys)
        _expect_types(self, str, "namespace", self.namespace)
        _expect_types(self, SymbolTier, "tiers", *self.tiers)
        ttls = (self.ttl, *(tier.ttl for tier in self.tiers if tier.ttl is not None))
        if self.max_keys < 1 or min(ttls) <= timedelta():
            raise Rejected("a cache keeps at least one key, for more than no time")
        if any(abs(tier.priority) > GREATEST_PRIORITY for tier in self.tiers):
            raise Rejected(f"a priority is from -{GREATEST_PRIORITY} to {GREATEST_PRIORITY}")

    def ttl_of(self, subjects: tuple[str, ...]) -> timedelta:
        """How long an answer about these symbols, series or calendars is kept."""
        return min((tier.ttl or self.ttl for tier in self._tiers_of(subjects)), default=self.ttl)

    def priority_of(self, subjects: tuple[str, ...]) -> int:
        """The rank of such an answer when room is short."""
        return max((tier.priority for tier in self._tiers_of(subjects)), default=0)

    def _tiers_of(self, subjects: tuple[str, ...]) -> list[SymbolTier]:
        untiered = SymbolTier("", frozenset())
        found = [tier for tier in self.tiers if not tier.symbols.isdisjoint(subjects)]
        if found and set(subjects) - frozenset().union(*(tier.symbols for tier in found)):
            return [*found, untiered]
        return found


def _expect_types(of: object, kind: type, field: str, *given: object) -> None:
    for value in given:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Rejected(f"{field}={value!r} of a {type(of).__name__} is no {kind.__name__}")


BOOTSTRAP = CachePolicy(ttl=timedelta(minutes=30), max_keys=256)
INSTITUTIONAL = CachePolicy(ttl=timedelta(minutes=15), max_keys=1024)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """One answer: the rows of a selection in one version of the data.

    `version` names what was read, such as one published copy; `schema_version` the layout of its rows. So an
    answer about older data is never taken for one about newer data.
    """

    version: str
    schema_version: int
    selection: Selection

    @property
    def tags(self) -> tuple[str, ...]:
        """What the answer is about: a tag for each subject, or `ALL` alone."""
        subjects = self.selection.subjects
        return tags_of(subjects) if 0 < len(subjects) <= MOST_TAGS else (ALL,)

    def about(self, version: str, subjects: AbstractSet[str] | None) -> bool:
        """Whether it speaks of a version, and there of some subjects, where they are given."""
        mine = self.selection.subjects
        return self.version == version and (not mine or subjects is None or not subjects.isdisjoint(mine))

    def text(self, namespace: str) -> str:
        """The key as a string: namespace, schema, version, dimension, tags, and a digest of the rest."""
        wish = self.selection
        rest = json.dumps(
            [
                wish.subjects,
                wish.source,
                wish.interval_seconds,
                wish.start.timestamp() if wish.start else None,
                wish.end.timestamp() if wish.end else None,
                wish.last,
            ]
        )
        digest = hashlib.sha256(rest.encode()).hexdigest()[:DIGEST_DIGITS]
        place = f"{namespace}:v{self.schema_version}:{self.version}:{wish.dimension.name}"
        return f"{place}:{'.'.join(self.tags)}:{digest}"


def tags_of(subjects: Iterable[str]) -> tuple[str, ...]:
    """Short digests of subjects. Where two share one, an answer about either ends with the other's."""
    return tuple(map(_tag, subjects))


@lru_cache(maxsize=4096)
def _tag(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()[:TAG_DIGITS]


class CacheFault(Documented):
    """What is wrong with a shared cache, in the order in which a connection comes about.

    Last stands what a read had to go past though the connection was well.
    """

    INVALID_SETTINGS = ("InvalidSettings", "The Secret does not name the cache, or a key of it is not valid.")
    SECRET_MISSING = ("SecretMissing", "The Secret does not exist, or has no key.")
    NAME_NOT_RESOLVED = ("NameNotResolved", "The host has no address.")
    CONNECTION_REFUSED = ("ConnectionRefused", "No server listens at the host's port.")
    TIMED_OUT = ("TimedOut", "The server did not answer in time.")
    TLS_FAILED = ("TLSFailed", "The server's certificate is not trusted, or one side speaks no TLS.")
    CONNECTION_LOST = ("ConnectionLost", "The connection ended during the work.")
    AUTHENTICATION_FAILED = ("AuthenticationFailed", "The server refused user or password.")
    DATABASE_MISSING = ("DatabaseMissing", "The server has no database of that number.")
    CLUSTER_MODE = ("ClusterMode", "The server runs in cluster mode, which this cache cannot use.")
    COMMAND_MISSING = (
        "CommandMissing",
        "The server lacks a command that the cache needs, as a Sentinel does, which holds no data.",
    )
    NOT_READY = ("NotReady", "The server reads its data from disk, or waits for the server that it follows.")
    PERMISSION_MISSING = ("PermissionMissing", "The user lacks a right that is needed.")
    READ_ONLY = ("ReadOnly", "The server is a replica, or does not accept writes.")
    FULL = ("Full", "The server's memory is full: it serves existing entries and stores no new one.")
    FAILED = ("CommandRefused", "The server refused for another reason; the message quotes it.")
    PAUSED = ("Paused", "The cache was lost a moment ago, and is not used until it is back.")
    POOL_EXHAUSTED = (
        "PoolExhausted",
        "Every connection was in use for the whole time that a command may take.",
    )
    CORRUPT = ("Corrupt", "The entry did not read back, and was deleted.")
    TOO_LARGE = ("TooLarge", "The answer is larger than the cache's limit for an entry.")
    LOAD_OVERDUE = ("LoadOverdue", "Another process loaded the answer for too long, or died while it did.")


@dataclass(frozen=True, slots=True)
class CacheTrouble:
    """What is wrong, and what to do; never with a password."""

    fault: CacheFault
    message: str


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What a cache did since it was made; `keys` is how many answers it holds now.

    A hit needed no load of its own: the answer was held, or somebody else was loading it. Every other fetch
    is a miss. What went is an expiration (its time was over), an eviction (room was short) or an invalidation
    (its version was); an expiration is counted when it is noticed, which is when the answer is asked for or
    room is short.

    Of a cache that processes share, each process counts its own fetches, and what its own calls drove out:
    the sum over processes counts each of them once. `keys` are those that all of them hold, and None where
    the cache could not be asked. `fallbacks` are reads that the cache was no help to, by the reason.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    expirations: int = 0
    invalidations: int = 0
    keys: int | None = 0
    fallbacks: Mapping[CacheFault, int] = field(default_factory=dict, hash=False)


class Cache(Protocol):
    """Keeps answers under a policy. Safe to use from several threads."""

    def fetch(self, key: CacheKey, load: Callable[[], pa.Table]) -> pa.Table:
        """The answer that is held, or else what `load` gives.

        Of several threads that miss one key at once, one loads and the others wait for it; what `load` raises
        is raised to each, and nothing is kept. Rows are shared and must not be altered, which Arrow forbids.
        A cache that cannot be asked is no failure: `load` answers.
        """
        ...

    def invalidate(self, version: str, subjects: AbstractSet[str] | None = None) -> int | None:
        """Drop the answers of a version, or those about some subjects of it; how many.

        An answer that names no subject is about all of them. One that is still being loaded is not kept.
        None where the cache could not be asked: it is owed, and done before this object next asks the cache.
        """
        ...

    def counts(self) -> CacheCounts:
        """What happened so far."""
        ...
