"""The Job of a backbone's topics as tests start it: its manifest, its Secret and what it reports."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backbone.reports.topics import TopicsReport
from mounted import hold
from worker import command

SECRET = "stream"


@dataclass
class TopicsJob:
    """One backbone in a folder of its own. `variables` are the environment of its processes."""

    folder: Path
    variables: Mapping[str, str]

    def write(self, **kafka: Any) -> None:
        """The manifest, with this in spec.kafka."""
        document = {
            "apiVersion": "backbone.emp.dev/v1alpha1",
            "kind": "DataBackbone",
            "metadata": {"name": "market"},
            "spec": {"kafka": {"connection": {"secretName": SECRET}, **kafka}},
        }
        self.folder.mkdir(exist_ok=True)
        (self.folder / "backbone.yaml").write_text(yaml.safe_dump(document))

    def connect(self, **keys: str) -> None:
        """The Secret, as Kubernetes mounts it; one that is there already is rotated."""
        hold(self.folder / "secrets" / SECRET, **keys)

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A process of its own, as in a pod, which ends with the block at the latest."""
        asked = [*command("provision-topics", "-f", self.folder / "backbone.yaml"), *arguments]
        with subprocess.Popen(
            asked,
            cwd=self.folder,
            env={**self.variables, "EMP_TERMINATION_LOG": str(self.log)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def log(self) -> Path:
        """Where it leaves its report."""
        return self.folder / "report"

    @property
    def known(self) -> Path:
        """Where it remembers what it saw."""
        return self.folder / "backbone-data/market/looks/kafka.json"

    def report(self) -> TopicsReport:
        """What it reported last, which has room in a termination message."""
        assert os.path.getsize(self.log) <= 4096  # noqa: PTH202
        return TopicsReport.decode(self.log.read_text())
