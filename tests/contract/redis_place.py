"""A namespace of a test's own on a real Redis, with caches in it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import redis

from backbone.adapters.redis.cache import RedisCache
from backbone.adapters.redis.connection import RedisConnection
from backbone.adapters.redis.scripts import rights
from backbone.adapters.redis.settings import RedisSettings
from backbone.ports.cache import CachePolicy
from services.redis_server import User

PREFIX = "test"
CACHE_USER = User("p@ss/w0rd:#1?%&=+", f"resetchannels -@all {rights(PREFIX)}")
"""With the rights that the product asks for and no other."""

AGE = """
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local left = redis.call('PTTL', name)
    if left >= 0 then redis.call('PEXPIRE', name, left - ARGV[1]) end
    redis.call('ZINCRBY', KEYS[1], -ARGV[1], name)
end
"""
"""Redis' clock cannot be set: instead of time going on, the ends of all answers come nearer."""


@dataclass
class RedisPlace:
    """`admin` may do all, `settings` are those of the caches; `namespace` is the test's own."""

    settings: RedisSettings
    admin: redis.Redis
    closing: ExitStack
    namespace: str = ""

    def __post_init__(self) -> None:
        self.namespace = self.namespace or f"{PREFIX}:{uuid4().hex}"

    def cache(self, policy: CachePolicy) -> RedisCache:
        """Another cache in the namespace, as another process would have it."""
        connection = RedisConnection(lambda: self.settings, self.namespace)
        return self.closing.enter_context(RedisCache(connection, replace(policy, namespace=self.namespace)))

    def age(self, span: timedelta) -> None:
        """Let all that is held come nearer to its end."""
        self.admin.eval(AGE, 1, f"{self.namespace}:expiries", int(span.total_seconds() * 1000))

    def names(self) -> list[str]:
        """Every key of the namespace."""
        return sorted(name.decode() for name in self.admin.scan_iter(f"{self.namespace}:*", count=1000))

    def answers(self) -> list[str]:
        """The keys of the answers that are held."""
        return [name for name in self.names() if name.startswith(f"{self.namespace}:v")]

    def clear(self) -> None:
        """Remove the namespace."""
        found = self.names()
        if found:
            self.admin.delete(*found)
