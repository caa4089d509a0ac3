"""Kafka's own kafka-topics.sh, as a peer: its class in a Java of its own, without the shell around it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from backbone.ports.topics import PlannedTopic
from console import Failure, step
from services.packages import jars, java

VERSION = "4.2.0"
JAR = f"kafka-tools-{VERSION}.jar"
DIGEST = "6b88f3f0799c585b5121d9f710e448cd365d4cfd55ff3ab5d2d81f52ae59030d"
FOLDER = Path(__file__).resolve().parents[2] / "build" / "kafka-tools"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
DEADLINE = 300.0


def ensure_command() -> Path:
    """The jar with the command, fetched once. Raises Failure where it is not the one that is expected."""
    place = FOLDER / JAR
    jars()  # The broker's, with all that the command imports; brings Java and Maven along.
    if not place.exists():
        artifact = f"-Dartifact=org.apache.kafka:kafka-tools:{VERSION}"
        maven = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", COPY]
        with step("the jar of kafka-topics.sh"):
            subprocess.run([*maven, artifact, f"-DoutputDirectory={FOLDER}"], timeout=DEADLINE, check=True)
    if hashlib.sha256(place.read_bytes()).hexdigest() != DIGEST:
        raise Failure(f"{place} is another jar than the one that is expected, and is not used")
    return place


def create_one(command: Path, servers: str, topic: PlannedTopic) -> None:
    """Create one topic, which is what the command can do in one process."""
    config = [word for key, value in topic.created_with.items() for word in ("--config", f"{key}={value}")]
    subprocess.run(
        [
            *(java(), "-cp", f"{jars()}/*:{command}", "org.apache.kafka.tools.TopicCommand"),
            *("--bootstrap-server", servers, "--create", "--topic", topic.name),
            *("--partitions", str(topic.partitions), "--replication-factor", "1"),
            *config,
        ],
        capture_output=True,
        timeout=DEADLINE,
        check=True,
    )
