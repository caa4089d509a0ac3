"""What of a watched object matters to whom."""

from __future__ import annotations

from typing import Any

from backbone.ports.cluster import INGEST_PLAN
from backbone.visits import Key
from backbone.watching import Referring, backbone_of, key_of


def plan(name: str, backbone: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"backboneRef": {"name": backbone}}}


def test_who_refers_to_a_backbone_follows_the_watch_and_leaves_nothing_behind() -> None:
    referring = Referring()
    one, two = Key("DataBackbone", "ns", "one"), Key("DataBackbone", "ns", "two")
    daily, macro = plan("daily", "one"), plan("macro", "one")
    for event, body in ((None, daily), ("ADDED", macro), ("MODIFIED", daily)):
        referring.note(body, event, key_of(INGEST_PLAN, body))
    assert backbone_of(daily) == one
    assert {key.name for key in referring.to(one)} == {"daily", "macro"}
    # Its end was missed, and it was made again for another backbone.
    again = plan("daily", "two")
    referring.note(again, None, key_of(INGEST_PLAN, again))
    assert [key.name for key in referring.to(one)] == ["macro"]
    assert [key.name for key in referring.to(two)] == ["daily"]
    for body in (macro, again):
        referring.note(body, "DELETED", key_of(INGEST_PLAN, body))
    assert (referring.to(one), referring.to(two)) == ((), ())
    assert not referring._objects
