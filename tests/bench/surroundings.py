"""On what the figures were taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "duckdb",
    "pyarrow",
    "redis",
    "hiredis",
    "confluent-kafka",
    "kopf",
    "kubernetes",
    "pydantic",
    "dlt",
)
GIB = 1 << 30


def environment() -> dict[str, str]:
    """Processor, cores, memory, kernel and versions, as the page tells them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return {
        "processor": next(_processors(), platform.machine()),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processors() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            yield value.strip()
