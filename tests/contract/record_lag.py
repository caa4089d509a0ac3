"""Record histories of consumer groups from a real broker, each labelled by what was done to the consumer.

    PYTHONPATH=operator:hack:tests/contract python tests/contract/record_lag.py [NAME ...]

One JSON file each goes to tests/unit/grading/lag; a unit test judges all of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from lag_histories import HISTORIES, History
from lag_scene import STANDS, Looked, Scene
from services.kafka_server import KafkaServer

FOLDER = Path(__file__).resolve().parents[1] / "unit" / "grading" / "lag"
AT_ONCE = 8


def recorded(bootstrap: str, name: str) -> tuple[bool, str]:
    """Play one history and write it; whether its word was the label, and what was found."""
    history = HISTORIES[name]
    with Scene.at(bootstrap) as scene:
        scene.tolerated = history.tolerated
        history.play(scene)
        looks, found = scene.looks, scene.looks[-1].group
    (FOLDER / f"{name}.json").write_text(f"{json.dumps(as_json(history, looks))}\n")
    return found.window is history.word, f"{found.window} {found.reason or ''}, label {history.word}"


def as_json(history: History, looks: list[Looked]) -> dict[str, object]:
    """Times are seconds since the first sample; topics go by their order."""
    begin = looks[0].samples[0].at
    return {
        "did": history.did,
        "word": history.word,
        "reason": history.reason,
        "tolerated": history.tolerated,
        "expired": history.expired,
        "stands": STANDS.total_seconds(),
        "looks": [
            [
                {
                    "at": round((sample.at - begin).total_seconds(), 3),
                    "members": sample.members
                    and {
                        **asdict(sample.members),
                        "assigned": sample.members.assigned
                        and {
                            str(item.number): count
                            for item, count in sample.members.assigned.items()
                            if item in look.partitions
                        },
                    },
                    "readings": {
                        str(item.number): [reading.committed, reading.low, reading.end]
                        for item, reading in sample.readings.items()
                    },
                }
                for sample in look.samples
            ]
            for look in looks
        ],
    }


def main(names: list[str]) -> int:
    """Record these, or all; how many have another word than their label."""
    FOLDER.mkdir(exist_ok=True)
    chosen = names or list(HISTORIES)
    wrong = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaServer(Path(folder) / "kafka") as server,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        playing = {name: pool.submit(recorded, server.uri(), name) for name in chosen}
        for name, play in playing.items():
            try:
                right, found = play.result()
            except Exception as error:  # noqa: BLE001 - the others are recorded all the same
                right, found = False, f"{type(error).__name__}: {error}"
            wrong += not right
            sys.stdout.write(f"{'ok   ' if right else 'WRONG'} {name}: {found}\n")
            sys.stdout.flush()
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
