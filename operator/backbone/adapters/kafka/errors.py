"""Naming what goes wrong with Kafka; the one place that reads the client's codes and texts.

A call that cannot be made only times out. What stood in its way, the client tells beside it: as errors by a
callback, and as lines of its log, each about one broker. Those are signs here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from confluent_kafka import KafkaError

from ...ports.stream import KafkaFault, KafkaTrouble
from .settings import KafkaSettings

_BROKER = re.compile(r"(?P<place>[^\s/]+:\d+)/(?P<node>bootstrap|\d+): ")
_SPENT = re.compile(r" ?\(after \d+ms in state (?P<state>\w+).*?\)$")
_OPENSSL = re.compile(r"error:[0-9A-F]+:[^:]*:[^:]*:|, verify that ssl\.ca\.location .*")
"""Where in its code OpenSSL noticed, and advice in the client's own settings, which no Secret has."""
_SIZE = re.compile(r"Invalid response size (?P<size>\d+) .*?: increase receive\.message\.max\.bytes")
"""The first four bytes of an answer, which Kafka's protocol takes for its length."""

_TEXTS = (
    (re.compile("Failed to resolve"), KafkaFault.NAME_NOT_RESOLVED),
    (re.compile("Connection refused|No route to host|unreachable"), KafkaFault.CONNECTION_REFUSED),
    (re.compile("timed out"), KafkaFault.TIMED_OUT),
    (re.compile("SSL handshake failed"), KafkaFault.TLS_FAILED),
    (re.compile("in state APIVERSION_QUERY"), KafkaFault.TLS_FAILED),
    (re.compile("isconnected"), KafkaFault.CONNECTION_LOST),
)
"""The first that fits says the fault. Who speaks TLS alone ends a connection at its first request."""

_CODES = {
    KafkaError._AUTHENTICATION: KafkaFault.AUTHENTICATION_FAILED,
    KafkaError._SSL: KafkaFault.TLS_FAILED,
    KafkaError._RESOLVE: KafkaFault.NAME_NOT_RESOLVED,
}
_ANSWERS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: KafkaFault.NOT_AUTHORIZED,
    KafkaError.GROUP_AUTHORIZATION_FAILED: KafkaFault.NOT_AUTHORIZED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: KafkaFault.NOT_AUTHORIZED,
    KafkaError.SASL_AUTHENTICATION_FAILED: KafkaFault.AUTHENTICATION_FAILED,
    KafkaError._TIMED_OUT: KafkaFault.TIMED_OUT,
    KafkaError._TRANSPORT: KafkaFault.CONNECTION_LOST,
    KafkaError._ALL_BROKERS_DOWN: KafkaFault.CONNECTION_LOST,
    KafkaError.REQUEST_TIMED_OUT: KafkaFault.TIMED_OUT,
}
UNASKED = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
"""Codes of calls that no broker answered: what stood in their way, the signs tell."""
_ORDER = list(KafkaFault)
_UNREACHED = frozenset({KafkaFault.NAME_NOT_RESOLVED, KafkaFault.CONNECTION_REFUSED, KafkaFault.TIMED_OUT})

LASTING = frozenset({KafkaFault.NAME_NOT_RESOLVED, KafkaFault.TLS_FAILED, KafkaFault.AUTHENTICATION_FAILED})
"""What waiting does not mend: where every broker ends so, the rest of a deadline need not be waited for."""

_ADVICE = {
    KafkaFault.NAME_NOT_RESOLVED: "correct bootstrapServers, or look at the cluster's DNS",
    KafkaFault.CONNECTION_REFUSED: "correct bootstrapServers, start the broker, or look at the firewall",
    KafkaFault.TIMED_OUT: "look at bootstrapServers, at the network's policies, and whether the broker is "
    "overloaded",
    KafkaFault.TLS_FAILED: "put the authority that signed the broker's certificate into ca.crt, name the "
    "host as the certificate does, or correct securityProtocol: one side may speak TLS and the other not",
    KafkaFault.CONNECTION_LOST: "the broker ended the connection: it may be restarting, or ask for a login "
    "that "
    "securityProtocol does not give",
    KafkaFault.AUTHENTICATION_FAILED: "correct username, password and saslMechanism in the Secret, or "
    "securityProtocol if the broker asks for no login",
    KafkaFault.BROKERS_MISSING: "start the broker, or correct its advertised.listeners: clients go where "
    "those "
    "say",
}


@dataclass(frozen=True, slots=True)
class Sign:
    """What the client said last of one broker. `node` is its number; None where the Secret names it."""

    place: str
    node: int | None
    fault: KafkaFault
    said: str


def sign_of(text: str, code: int | None = None) -> Sign | None:
    """What a line of the client's log says, or an error with its code; None where it is no sign."""
    broker = _BROKER.search(text)
    if broker is None:
        return None
    node = None if broker["node"] == "bootstrap" else int(broker["node"])
    if foreign := _foreign(text):
        return Sign(broker["place"], node, KafkaFault.FAILED, foreign)
    fault = _CODES.get(code) if code is not None else None
    if fault is None:
        fault = next((fault for sign, fault in _TEXTS if sign.search(text)), None)
    if fault is None:
        return None
    said = _OPENSSL.sub("", _SPENT.sub("", text[broker.end() :]))
    return Sign(broker["place"], node, fault, said)


def _foreign(text: str) -> str:
    """What an answer says that is text of another protocol, such as HTTP; empty where it is none."""
    size = _SIZE.search(text)
    first = int(size["size"]).to_bytes(8, "big")[4:] if size else b""
    if not (first.isascii() and first.decode("ascii").isprintable() and first):
        return ""
    return (
        f"what listens there is no Kafka: its answer begins with {first.decode()!r}; correct bootstrapServers"
    )


def trouble_of_signs(
    signs: Collection[Sign], settings: KafkaSettings, *, reached: bool = False
) -> KafkaTrouble:
    """The first thing that is wrong, where a call timed out: of the broker that came furthest.

    `reached` says that the cluster has answered before, so that its brokers are known by number.
    """
    if not signs:
        return _trouble(KafkaFault.TIMED_OUT, settings.place, "", settings)
    furthest = max(signs, key=lambda sign: _ORDER.index(sign.fault))
    fault, said = furthest.fault, furthest.said
    if furthest.node is not None and fault in _UNREACHED and not reached:
        why = f"broker {furthest.node} is to be at {furthest.place}: {fault.meaning.rstrip('.').lower()}"
        return _trouble(KafkaFault.BROKERS_MISSING, settings.place, why, settings)
    if fault is KafkaFault.CONNECTION_LOST and settings.protocol == "SSL" and not reached:
        # Before anything was asked, a broker ends so only what does not log in.
        return _trouble(
            KafkaFault.AUTHENTICATION_FAILED,
            furthest.place,
            "the broker ended the connection; it may ask for a login, with securityProtocol SASL_SSL",
            settings,
        )
    told = fault in {KafkaFault.TLS_FAILED, KafkaFault.AUTHENTICATION_FAILED, KafkaFault.FAILED}
    return _trouble(fault, furthest.place, said if told else "", settings)


def trouble_of_answer(error: KafkaError, settings: KafkaSettings, rights: str = "") -> KafkaTrouble:
    """What a broker's answer means. `rights` is what the user has to be given."""
    fault = _ANSWERS.get(error.code(), KafkaFault.FAILED)
    if fault is KafkaFault.NOT_AUTHORIZED:
        text = f"Kafka at {settings.place}: {settings.principal} may not do what is needed"
        return KafkaTrouble(fault, f"{text}; {rights}" if rights else text)
    return _trouble(fault, settings.place, error.str(), settings)


def _trouble(fault: KafkaFault, place: str, said: str, settings: KafkaSettings) -> KafkaTrouble:
    text = f"Kafka at {place}: {fault.meaning.rstrip('.')}{f': {said}' if said else ''}"
    if settings.password:
        text = text.replace(settings.password, "…")
    advice = _ADVICE.get(fault, "")
    return KafkaTrouble(fault, f"{text}; {advice}" if advice else text)
