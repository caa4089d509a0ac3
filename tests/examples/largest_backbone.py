"""The largest backbone that the API takes: every field at its limit, the most topics, the most text."""

from __future__ import annotations

import json
from typing import Any

import kafka_examples
from example_objects import Document

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def filled(number: int, length: int) -> str:
    return f"{number:02}".ljust(length, "x")


def keys(length: int = 63) -> list[str]:
    domain = ".".join(["d" * 63] * 3 + ["d" * 61])
    return [f"{domain}/{filled(number, length)}" for number in range(16)]


def fullest_pods() -> dict[str, Any]:
    labels = dict.fromkeys(keys(), "v" * 63)
    toleration = {
        "operator": "Equal",
        "value": "v" * 63,
        "effect": "NoExecute",
        "tolerationSeconds": 86_400,
    }
    return {
        "nodeSelector": labels,
        "labels": labels,
        "annotations": dict.fromkeys(keys(), "v" * 1024),
        "tolerations": [{"key": key, **toleration} for key in keys(62)],
        "priorityClassName": "p" * 253,
        "imagePullSecrets": [{"name": filled(number, 253)} for number in range(8)],
    }


def largest() -> dict[str, Any]:
    """Every section, with the most topics and the most text that are taken."""
    document = kafka_examples.largest(68)
    kafka = document["spec"]["kafka"]
    secret = {"secretName": "s" * 253}
    document["metadata"]["name"] = "n" * 63
    document["spec"] |= {
        "mode": "Institutional",
        "timescale": {"connection": secret, "readerRole": "r" * 63},
        "redis": {"connection": secret, "namespace": "n" * 64},
        "kafka": {
            **kafka,
            "connection": secret,
            "admin": {"connection": secret},
            "topicPrefix": "p" * 64,
            "consumerGroups": kafka_examples.largest_groups(20, 13, 72),
            "lag": {"intervalSeconds": 86_400},
        },
        "pods": fullest_pods(),
    }
    return document


def as_kubectl_keeps(document: Document) -> str:
    """A document as `kubectl apply` keeps it; Go writes three letters of HTML as six bytes each."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
