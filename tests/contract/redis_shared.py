"""A process that reads one answer through a cache on Redis: `python redis_shared.py FOLDER SECONDS`."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from backbone.adapters.redis.cache import RedisCache
from backbone.adapters.redis.connection import RedisConnection
from backbone.adapters.redis.settings import RedisSettings
from backbone.ports.cache import INSTITUTIONAL
from redis_reading import key, rows

if TYPE_CHECKING:
    from redis_place import RedisPlace


def program(place: RedisPlace, folder: Path, *, seconds: float) -> list[str]:
    """The command line of such a process, whose load would take so long."""
    (folder / "place.json").write_text(json.dumps([place.namespace, asdict(place.settings)]))
    path = os.pathsep.join(filter(None, sys.path))
    return ["env", f"PYTHONPATH={path}", sys.executable, __file__, str(folder), str(seconds)]


def main(folder: Path, seconds: float) -> None:
    """Read once somebody says so, and tell what was found; a load leaves a file."""
    namespace, settings = json.loads((folder / "place.json").read_text())
    given = RedisSettings(**settings)

    def load() -> pa.Table:
        (folder / f"loaded-{os.getpid()}").touch()
        time.sleep(seconds)
        return rows(5.0)

    rows()  # the first table of a process imports pandas
    policy = replace(INSTITUTIONAL, namespace=namespace)
    with RedisCache(RedisConnection(lambda: given, namespace), policy) as cache:
        (folder / f"ready-{os.getpid()}").touch()
        while not (folder / "go").exists():
            time.sleep(0.005)
        sys.stdout.write(f"{cache.fetch(key('HOT'), load)['close'][0].as_py()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
