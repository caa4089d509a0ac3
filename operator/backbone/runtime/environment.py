"""Variables of the environment that go before the spec, for commands that run without a cluster.

In a cluster the spec alone counts: status and reports speak of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import Rejected
from ..manifest.objects import Backbone

AUTO_CREATE_TOPICS = ("KAFKA_INGEST_AUTO_CREATE_TOPICS", "KAFKA_AUTO_CREATE_TOPICS")
"""The first that is set counts; an empty one is not set, as where a template fills in nothing."""
SPEC, DEFAULT = "spec.kafka.autoCreateTopics", "default"

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Effective:
    """A setting as it counts, and where it comes from: a variable, a field of the spec, or the default."""

    name: str
    value: bool
    origin: str

    @property
    def words(self) -> str:
        """The setting in a sentence."""
        return f"{self.name} is {str(self.value).lower()}, from {self.origin}"


def auto_create_topics(backbone: Backbone, environment: Mapping[str, str] = os.environ) -> Effective | None:
    """Whether missing topics are created; None where the backbone has no Kafka.

    Raises Rejected for a variable with another word, also where one before it counts.
    """
    kafka = backbone.spec.kafka
    if kafka is None:
        return None
    name = "autoCreateTopics"
    if not backbone.in_cluster:
        found = {
            variable: _switch(variable, environment[variable])
            for variable in AUTO_CREATE_TOPICS
            if environment.get(variable)
        }
        for variable, value in found.items():
            return Effective(name, value, variable)
    given = "auto_create_topics" in kafka.model_fields_set
    return Effective(name, kafka.auto_create_topics, SPEC if given else DEFAULT)


def _switch(variable: str, word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise Rejected(
        f"{variable} is {word[:40]!r}; write one of {', '.join(_TRUE)} or {', '.join(_FALSE)}, or unset it"
    )
