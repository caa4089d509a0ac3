"""How a backbone's TimescaleDB, Redis and Kafka are reached, from its spec and the mounted Secrets.

Each function imports the adapter that it uses: adapters take time to load, and the bootstrap tier needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapters.secret_keys import fingerprint, texts
from ..databackbone.institutional import Redis, Timescale
from ..databackbone.kafka_spec import Kafka
from ..errors import Rejected
from ..manifest.objects import Backbone
from ..ports.cache import CachePolicy
from ..providers.secrets import secret

if TYPE_CHECKING:
    from ..adapters.kafka.settings import KafkaSettings
    from ..adapters.redis.cache import RedisCache
    from ..adapters.redis.settings import RedisSettings
    from ..adapters.timescale.settings import ConnectionSettings

APPLICATION = "emp-runtime"
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class SecretReading:
    """The keys of one Secret when it was read; `fault` is the error if it could not be read."""

    name: str
    folder: Path
    found: Mapping[str, str] = field(repr=False)
    fault: Rejected | None = None

    @classmethod
    def of(cls, name: str, keys: Iterable[str]) -> SecretReading:
        """Read these keys from one version of the Secret."""
        mounted = secret(name)
        try:
            return cls(name, mounted.folder, texts(name, mounted.folder, keys))
        except Rejected as error:
            return cls(name, mounted.folder, {}, error)

    def texts(self) -> Mapping[str, str]:
        """The keys that exist. Raises Rejected if the Secret could not be read."""
        if self.fault is not None:
            raise self.fault
        return self.found

    def fingerprint(self, salt: bytes) -> str:
        """The result of secret_keys.fingerprint, or UNREADABLE."""
        return UNREADABLE if self.fault is not None else fingerprint(self.found, salt)


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one backbone for one check, which reads each Secret once.

    All settings come from these readings, so a check cannot mix two versions of a Secret.
    """

    section: Timescale
    redis: Redis | None
    readings: Mapping[str, SecretReading]

    @classmethod
    def of(cls, backbone: Backbone) -> Services:
        """Read each Secret that the spec names, once. Raises Rejected if the spec names no database."""
        from ..adapters.redis.settings import KEYS as REDIS_KEYS
        from ..adapters.timescale.settings import KEYS as TIMESCALE_KEYS

        section, redis = timescale_of(backbone), backbone.spec.redis
        readings = {"timescale": SecretReading.of(section.connection.secret_name, TIMESCALE_KEYS)}
        if redis is not None:
            readings["redis"] = SecretReading.of(redis.connection.secret_name, REDIS_KEYS)
        return cls(section, redis, readings)

    def database(self) -> ConnectionSettings:
        """The settings of the database. Raises Rejected if the Secret does not have them."""
        from ..adapters.timescale.settings import from_texts

        found = self.readings["timescale"]
        return _limited(from_texts(found.name, found.folder, found.texts()), self.section)

    def cache_settings(self) -> RedisSettings:
        """The settings of Redis, if the spec names one. Raises Rejected if the Secret does not have them."""
        from ..adapters.redis.settings import from_keys

        found = self.readings["redis"]
        return from_keys(found.name, found.texts())

    def fingerprints(self, salt: bytes) -> dict[str, str]:
        """A hash of each service's Secret, by service; it reveals no value."""
        return {service: found.fingerprint(salt) for service, found in self.readings.items()}


def timescale_of(backbone: Backbone) -> Timescale:
    """The section spec.timescale. Raises Rejected if it is not set."""
    if backbone.spec.timescale is None:
        raise Rejected(
            f"DataBackbone {backbone.name}: spec.timescale is missing; add timescale.connection.secretName"
        )
    return backbone.spec.timescale


def settings_of(backbone: Backbone) -> ConnectionSettings:
    """The settings of the database now. Raises Rejected if spec or Secret do not have them."""
    from ..adapters.timescale.settings import from_folder

    section = timescale_of(backbone)
    found = secret(section.connection.secret_name)
    return _limited(from_folder(found.name, found.folder), section)


def cache_of(backbone: Backbone) -> RedisCache | None:
    """The shared cache, if the spec names one. It connects when it is used, and follows its Secret."""
    from ..adapters.redis.cache import RedisCache

    section = backbone.spec.redis
    if section is None:
        return None
    found = secret(section.connection.secret_name)
    return RedisCache.of_secret(found.folder, policy_of(section))


def kafka_of(backbone: Backbone) -> Kafka:
    """The section spec.kafka. Raises Rejected if it is not set."""
    if backbone.spec.kafka is None:
        raise Rejected(
            f"DataBackbone {backbone.name}: spec.kafka is missing; add kafka.connection.secretName"
        )
    return backbone.spec.kafka


def kafka_provisioner(backbone: Backbone) -> Callable[[], KafkaSettings]:
    """Reads the settings of who provisions topics, as the Secret has them at each call.

    Raises Rejected if spec.kafka is not set; a call does where the Secret does not have them.
    """
    return _kafka_settings(kafka_of(backbone).provisioner.secret_name)


def kafka_reader(backbone: Backbone) -> Callable[[], KafkaSettings]:
    """Reads the settings of who looks at lag; raises as `kafka_provisioner` does."""
    return _kafka_settings(kafka_of(backbone).connection.secret_name)


def _kafka_settings(name: str) -> Callable[[], KafkaSettings]:
    from ..adapters.kafka.settings import from_folder

    found = secret(name)
    return lambda: from_folder(found.name, found.folder)


def policy_of(section: Redis) -> CachePolicy:
    """How long the cache keeps an answer, and how many answers it keeps."""
    return CachePolicy(
        ttl=timedelta(seconds=section.ttl_seconds), max_keys=section.max_keys, namespace=section.namespace
    )


def _limited(settings: ConnectionSettings, section: Timescale) -> ConnectionSettings:
    """The same settings with the limits of the spec."""
    return replace(
        settings,
        application=APPLICATION,
        pool_size=section.pool.size,
        acquire_timeout=float(section.pool.acquire_timeout_seconds),
        statement_timeout=float(section.pool.statement_timeout_seconds),
    )
