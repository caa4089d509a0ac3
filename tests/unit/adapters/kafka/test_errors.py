"""What the client says of one broker, in its own words, is named as the first thing that is wrong."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from backbone.adapters.kafka.errors import Sign, sign_of, trouble_of_answer, trouble_of_signs
from backbone.adapters.kafka.settings import KafkaSettings
from backbone.ports.stream import KafkaFault

WORD = "s3cr3t"
SETTINGS = KafkaSettings("stream", ("kafka:9092",), "SASL_SSL", "PLAIN", "emp", WORD)
AT = "sasl_ssl://kafka:9092/bootstrap: "
UNTRUSTED = (
    "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could "
    "not be verified, verify that ssl.ca.location is correctly configured or root CA certificates are "
    "installed (install ca-certificates package)"
)
RESOLVE, TRANSPORT, SSL, AUTHENTICATION = (
    KafkaError._RESOLVE,
    KafkaError._TRANSPORT,
    KafkaError._SSL,
    KafkaError._AUTHENTICATION,
)


@pytest.mark.parametrize(
    ("text", "code", "fault", "said"),
    [
        pytest.param(
            f"{AT}Failed to resolve 'kafka:9092': Name or service not known (after 14ms in state CONNECT)",
            RESOLVE,
            KafkaFault.NAME_NOT_RESOLVED,
            "Failed to resolve 'kafka:9092': Name or service not known",
            id="a name without an address",
        ),
        pytest.param(
            f"{AT}Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
            TRANSPORT,
            KafkaFault.CONNECTION_REFUSED,
            "Connect to ipv4#10.0.0.1:9092 failed: Connection refused",
            id="nobody there",
        ),
        pytest.param(
            f"FAIL [rdkafka#producer-6] [thrd:{AT[:-2]}]: {AT}Connection setup timed out in state "
            f"APIVERSION_QUERY "
            "(after 2023ms in state APIVERSION_QUERY)",
            None,
            KafkaFault.TIMED_OUT,
            "Connection setup timed out in state APIVERSION_QUERY",
            id="no answer, which only the log tells",
        ),
        pytest.param(
            f"{AT}{UNTRUSTED} (after 11ms in state SSL_HANDSHAKE)",
            SSL,
            KafkaFault.TLS_FAILED,
            "SSL handshake failed: certificate verify failed: broker certificate could not be verified",
            id="a certificate that is not trusted",
        ),
        pytest.param(
            f"{AT}SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a "
            f"PLAINTEXT "
            "broker listener? (after 43ms in state SSL_HANDSHAKE)",
            TRANSPORT,
            KafkaFault.TLS_FAILED,
            "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT "
            "broker "
            "listener?",
            id="TLS to whom it is foreign",
        ),
        pytest.param(
            f"FAIL [thrd:{AT[:-2]}]: {AT}Disconnected: connection closed by peer: receive 0 after POLLIN "
            "(after 3ms in state APIVERSION_QUERY)",
            None,
            KafkaFault.TLS_FAILED,
            "Disconnected: connection closed by peer: receive 0 after POLLIN",
            id="no TLS to whom speaks nothing else",
        ),
        pytest.param(
            f"{AT}SASL authentication error: Authentication failed during authentication due to invalid "
            "credentials with SASL mechanism SCRAM-SHA-512 (after 435ms in state AUTH_REQ)",
            AUTHENTICATION,
            KafkaFault.AUTHENTICATION_FAILED,
            "SASL authentication error: Authentication failed during authentication due to invalid "
            "credentials "
            "with SASL mechanism SCRAM-SHA-512",
            id="a wrong password",
        ),
        pytest.param(
            f"FAIL [thrd:{AT[:-2]}]: {AT}Disconnected: SSL connection closed by peer "
            "(after 18ms in state UP, 1 identical error(s) suppressed)",
            None,
            KafkaFault.CONNECTION_LOST,
            "Disconnected: SSL connection closed by peer",
            id="an end in the middle",
        ),
        pytest.param(
            f"{AT}Receive failed: Invalid response size 1213486160 (0..100000000): increase "
            "receive.message.max.bytes (after 1ms in state APIVERSION_QUERY)",
            TRANSPORT,
            KafkaFault.FAILED,
            "what listens there is no Kafka: its answer begins with 'HTTP'; correct bootstrapServers",
            id="a server of another protocol",
        ),
        pytest.param(
            f"{AT}Receive failed: Invalid response size 352518912 (0..100000000): increase "
            "receive.message.max.bytes (after 1ms in state APIVERSION_QUERY)",
            TRANSPORT,
            KafkaFault.TLS_FAILED,
            "Receive failed: Invalid response size 352518912 (0..100000000): increase "
            "receive.message.max.bytes",
            id="an alert of TLS, to whom speaks none",
        ),
    ],
)
def test_a_line_names_broker_and_fault(text: str, code: int | None, fault: KafkaFault, said: str) -> None:
    assert sign_of(text, code) == Sign("kafka:9092", None, fault, said)


@pytest.mark.parametrize("text", ["3/3 brokers are down", "", "[thrd:app]: something else", f"{AT}hello"])
def test_other_lines_are_no_sign(text: str) -> None:
    assert sign_of(text) is None


def test_a_broker_that_the_cluster_names_has_a_number() -> None:
    sign = sign_of("10.0.0.1:9092/3: Connect to ipv4#10.0.0.1:9092 failed: Connection refused", TRANSPORT)
    assert sign is not None
    assert (sign.place, sign.node) == ("10.0.0.1:9092", 3)


def sign(fault: KafkaFault, node: int | None = None, said: str = "in its words") -> Sign:
    return Sign("kafka:9092", node, fault, said)


def test_the_broker_that_came_furthest_says_what_is_wrong() -> None:
    signs = [
        sign(KafkaFault.CONNECTION_REFUSED),
        sign(KafkaFault.AUTHENTICATION_FAILED, said="SASL authentication error: refused"),
        sign(KafkaFault.NAME_NOT_RESOLVED),
    ]
    trouble = trouble_of_signs(signs, SETTINGS)
    assert trouble.fault is KafkaFault.AUTHENTICATION_FAILED
    assert "SASL authentication error: refused; correct username, password" in trouble.message


def test_without_a_sign_it_was_too_slow() -> None:
    trouble = trouble_of_signs([], SETTINGS)
    assert trouble.fault is KafkaFault.TIMED_OUT
    assert trouble.message.startswith("Kafka at kafka:9092: The broker did not answer in time; look at")


@pytest.mark.parametrize(
    ("reached", "fault"),
    [
        pytest.param(False, KafkaFault.BROKERS_MISSING, id="clients cannot go where the cluster sends them"),
        pytest.param(True, KafkaFault.CONNECTION_REFUSED, id="a cluster that was reached before went away"),
    ],
)
def test_a_numbered_broker_that_is_not_there(reached: bool, fault: KafkaFault) -> None:
    trouble = trouble_of_signs([sign(KafkaFault.CONNECTION_REFUSED, 2)], SETTINGS, reached=reached)
    assert trouble.fault is fault
    if not reached:
        assert (
            "broker 2 is to be at kafka:9092: nobody listens at the host's port; start the broker, or "
            "correct its "
            "advertised.listeners" in trouble.message
        )


def test_who_shows_no_login_is_told_that_the_broker_may_ask_for_one() -> None:
    plain = KafkaSettings("stream", ("kafka:9092",), "SSL")
    trouble = trouble_of_signs([sign(KafkaFault.CONNECTION_LOST)], plain)
    assert trouble.fault is KafkaFault.AUTHENTICATION_FAILED
    assert "securityProtocol SASL_SSL" in trouble.message


def test_no_message_has_a_password() -> None:
    trouble = trouble_of_signs([sign(KafkaFault.AUTHENTICATION_FAILED, said=f"refused {WORD}")], SETTINGS)
    assert WORD not in trouble.message
    assert WORD not in trouble_of_answer(KafkaError(KafkaError.UNKNOWN, WORD), SETTINGS).message


def test_a_right_that_is_missing_comes_with_what_to_add() -> None:
    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    trouble = trouble_of_answer(error, SETTINGS, "add this")
    assert trouble.fault is KafkaFault.NOT_AUTHORIZED
    assert trouble.message == "Kafka at kafka:9092: User:emp may not do what is needed; add this"
