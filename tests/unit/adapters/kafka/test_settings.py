"""A Secret says where Kafka is, or a message says which key is wrong and what to write."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from backbone.adapters.kafka.settings import KEYS, KafkaSettings, from_folder, from_keys, settings_fault
from backbone.errors import Rejected
from backbone.ports.stream import KafkaFault

WORD = "s3cr3t"
AUTHORITY = (
    Path(certifi.where()).read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"
)
AUTHORITY = AUTHORITY[AUTHORITY.index("-----BEGIN") :]
SERVERS = {"bootstrapServers": "kafka:9092"}
LOGIN = {"saslMechanism": "SCRAM-SHA-512", "username": "emp", "password": WORD}
SASL_SSL = {**SERVERS, **LOGIN, "securityProtocol": "SASL_SSL"}
OWN = {"tls.crt": AUTHORITY, "tls.key": f"-----BEGIN PRIVATE KEY-----\n{WORD}\n-----END PRIVATE KEY-----"}


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        pytest.param(SERVERS, KafkaSettings("stream", ("kafka:9092",)), id="a server alone"),
        pytest.param(
            {"bootstrapServers": " a-0.b.svc:9092, [::1]:9093,,a-0.b.svc:9092\n"},
            KafkaSettings("stream", ("a-0.b.svc:9092", "[::1]:9093")),
            id="several servers, one of them twice",
        ),
        pytest.param(
            SASL_SSL,
            KafkaSettings("stream", ("kafka:9092",), "SASL_SSL", "SCRAM-SHA-512", "emp", WORD),
            id="a login over TLS, against the authorities of the web",
        ),
        pytest.param(
            {**SASL_SSL, "saslMechanism": "PLAIN", "ca.crt": AUTHORITY},
            KafkaSettings("stream", ("kafka:9092",), "SASL_SSL", "PLAIN", "emp", WORD, AUTHORITY),
            id="an authority of one's own",
        ),
        pytest.param(
            {**SERVERS, **OWN, "securityProtocol": "SSL"},
            KafkaSettings("stream", ("kafka:9092",), "SSL", certificate=OWN["tls.crt"], key=OWN["tls.key"]),
            id="a certificate of the client's",
        ),
        pytest.param(
            {**SERVERS, **LOGIN, "securityProtocol": "SASL_PLAINTEXT", "comment": "of others"},
            KafkaSettings("stream", ("kafka:9092",), "SASL_PLAINTEXT", "SCRAM-SHA-512", "emp", WORD),
            id="a login without TLS, and a key of others",
        ),
    ],
)
def test_a_secret_says_where_kafka_is(keys: dict[str, str], settings: KafkaSettings) -> None:
    assert from_keys("stream", keys) == settings


WRONG = [
    pytest.param(
        {"securityProtocol": "SSL"}, "there is no bootstrapServers; write host:port", id="no server"
    ),
    pytest.param(
        {"bootstrapServers": "kafka://kafka:9092"}, "bootstrapServers is a URI; write host:port", id="a URI"
    ),
    pytest.param(
        {"bootstrapServers": "kafka:9092,kafka"},
        "bootstrapServers has an entry that is not host:port",
        id="no port",
    ),
    pytest.param(
        {"bootstrapServers": "kafka:99092"},
        "bootstrapServers has a port that is no number from 1 to 65535",
        id="a port that is too large",
    ),
    pytest.param({"bootstrapServers": " , "}, "bootstrapServers names no server", id="nothing but commas"),
    pytest.param(
        {**SERVERS, "securityProtocol": "TLS"},
        "securityProtocol is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
        id="a protocol that is none",
    ),
    pytest.param(
        {**SERVERS, **LOGIN},
        "there is saslMechanism and username and password, and securityProtocol is PLAINTEXT, which logs in "
        "as "
        "nobody; write SASL_SSL",
        id="a login and no protocol",
    ),
    pytest.param(
        {**SERVERS, "securityProtocol": "SSL", "username": "emp"},
        "there is username, and securityProtocol is SSL, which logs in as nobody; write SASL_SSL, or take "
        "it out",
        id="a user whom nobody asks",
    ),
    pytest.param(
        {k: v for k, v in SASL_SSL.items() if k != "saslMechanism"},
        "there is no saslMechanism; write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
        id="no mechanism",
    ),
    pytest.param(
        {**SASL_SSL, "saslMechanism": "GSSAPI"},
        "saslMechanism is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
        id="a mechanism that is not supported",
    ),
    pytest.param(
        {k: v for k, v in SASL_SSL.items() if k != "username"}, "there is no username; add it", id="no user"
    ),
    pytest.param(
        {**SASL_SSL, "password": " "}, "there is no password; add it", id="a password of nothing but a space"
    ),
    pytest.param(
        {**SERVERS, "ca.crt": AUTHORITY},
        "there is ca.crt, and securityProtocol is PLAINTEXT, which speaks no TLS; write SSL or SASL_SSL",
        id="an authority and no TLS",
    ),
    pytest.param(
        {**SASL_SSL, "ca.crt": WORD},
        "ca.crt holds no certificate; put PEM there, which begins with -----BEGIN CERTIFICATE-----",
        id="an authority that is no certificate",
    ),
    pytest.param(
        {**SASL_SSL, "tls.crt": AUTHORITY},
        "there is tls.crt and no tls.key; put both there, or neither",
        id="a certificate without its key",
    ),
    pytest.param(
        {**SASL_SSL, "tls.key": OWN["tls.key"]},
        "there is tls.key and no tls.crt; put both there, or neither",
        id="a key without its certificate",
    ),
    pytest.param(
        {**SASL_SSL, **OWN, "tls.key": f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{WORD}"},
        "tls.key holds no key as PEM, or one behind a password; take the password off",
        id="a key behind a password",
    ),
    pytest.param(
        {**SASL_SSL, **OWN, "tls.crt": WORD}, "tls.crt holds no certificate as PEM", id="no certificate"
    ),
]


@pytest.mark.parametrize(("keys", "says"), WRONG)
def test_a_wrong_secret_is_named_by_key_and_remedy(keys: dict[str, str], says: str) -> None:
    with pytest.raises(Rejected) as found:
        from_keys("stream", keys)
    assert str(found.value).startswith("Secret stream: ")
    assert says in str(found.value)
    assert WORD not in str(found.value)
    assert settings_fault(found.value) is KafkaFault.INVALID_SETTINGS


def test_a_secret_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"there is no Secret stream.*make it, with bootstrapServers") as found:
        from_folder("stream", tmp_path)
    assert settings_fault(found.value) is KafkaFault.SECRET_MISSING


def test_a_mounted_folder_is_read_file_by_file(tmp_path: Path) -> None:
    for key, value in {**SASL_SSL, "ca.crt": AUTHORITY}.items():
        (tmp_path / key).write_text(f"{value}\n")
    assert from_folder("stream", tmp_path) == from_keys("stream", {**SASL_SSL, "ca.crt": AUTHORITY})


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "bootstrapServers").write_text("kafka:9092")
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    with pytest.raises(Rejected, match="Secret stream: password cannot be read as text"):
        from_folder("stream", tmp_path)


def test_settings_print_no_secret() -> None:
    printed = repr(from_keys("stream", {**SASL_SSL, **OWN}))
    assert WORD not in printed
    assert "BEGIN" not in printed
    assert "emp" in printed


def test_the_client_is_given_every_key() -> None:
    given = from_keys("stream", {**SASL_SSL, **OWN, "ca.crt": AUTHORITY}).parameters()
    assert len(KEYS) == 8
    assert {
        "bootstrap.servers": "kafka:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "emp",
        "sasl.password": WORD,
        "ssl.ca.pem": AUTHORITY,
        "ssl.certificate.pem": OWN["tls.crt"],
        "ssl.key.pem": OWN["tls.key"],
        "allow.auto.create.topics": False,
    }.items() <= given.items()
    assert "ssl.ca.location" not in given


def test_without_an_authority_those_of_the_web_are_trusted_and_without_tls_none_are_named() -> None:
    assert from_keys("stream", SASL_SSL).parameters()["ssl.ca.location"] == certifi.where()
    assert not [
        option
        for option in from_keys("stream", SERVERS).parameters()
        if option.startswith("s") and "ssl" in option
    ]


@pytest.mark.parametrize(
    ("keys", "principal"),
    [
        pytest.param(SASL_SSL, "User:emp", id="who logs in"),
        pytest.param(SERVERS, "User:ANONYMOUS", id="who does not"),
        pytest.param(
            {**SERVERS, **OWN, "securityProtocol": "SSL"},
            "User:<subject of tls.crt>",
            id="who shows a certificate",
        ),
    ],
)
def test_rights_are_given_to_whom_the_brokers_see(keys: dict[str, str], principal: str) -> None:
    assert from_keys("stream", keys).principal == principal
