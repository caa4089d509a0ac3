"""For a client whose cache is shared with other processes, on Redis; importing this needs redis-py.

with (
RedisCache.of_secret(Path("/etc/backbone/secrets/redis"), INSTITUTIONAL) as cache,
Client(Path("/data"), cache=cache) as client,
):
"""

from ..adapters.redis.cache import RedisCache
from ..adapters.redis.client import validated
from ..adapters.redis.connection import RedisConnection
from ..adapters.redis.settings import RedisSettings, from_folder, from_keys
from ..ports.cache import CacheFault, CacheTrouble

__all__ = [
    "CacheFault",
    "CacheTrouble",
    "RedisCache",
    "RedisConnection",
    "RedisSettings",
    "from_folder",
    "from_keys",
    "validated",
]
