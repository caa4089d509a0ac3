from __future__ import annotations

import re
import tomllib

import pytest
from inputs import ROOT, TARGETS, files, reference, version

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LINES = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
STAGES = {
    words[3]: words[1]
    for words in (line.split() for line in LINES if line.startswith("FROM "))
    if len(words) == 4
}


def instructions(word: str) -> list[str]:
    return [line.removeprefix(word).strip() for line in LINES if line.startswith(f"{word} ")]


def stage(name: str) -> list[str]:
    start = next(number for number, line in enumerate(LINES) if line.endswith(f" AS {name}"))
    rest = LINES[start + 1 :]
    return rest[: next((number for number, line in enumerate(rest) if line.startswith("FROM ")), len(rest))]


def test_every_stage_stands_on_debian() -> None:
    bases = set(STAGES.values()) - set(STAGES)
    assert bases == {"docker.io/library/debian:bookworm-slim"}
    assert len(STAGES) == len(instructions("FROM"))
    assert set(TARGETS) <= set(STAGES)


@pytest.mark.parametrize("target", ["operator", "worker"])
def test_images_run_as_nobody_in_particular(target: str) -> None:
    assert "USER 65532:65532" in stage(target)


def test_the_sample_worker_is_the_worker_with_data() -> None:
    assert STAGES["worker-sample"] == "worker"
    assert not any(line.startswith(("USER", "ENTRYPOINT", "RUN")) for line in stage("worker-sample"))
    assert "ENV EMP_SAMPLE_DIR=/opt/backbone/sample" in stage("worker-sample")


def test_entry_points_are_those_that_manifests_rely_on() -> None:
    assert 'ENTRYPOINT ["python3", "-m", "backbone"]' in stage("operator")
    assert 'ENTRYPOINT ["emp-runtime"]' in stage("worker")


def test_nothing_says_where_packages_come_from_or_carries_a_secret() -> None:
    assert "://" not in DOCKERFILE
    assert not instructions("ARG")
    assert not re.search(r"index-url|find-links|trusted-host|password|token", DOCKERFILE, re.IGNORECASE)


def test_every_package_is_pinned_by_hash() -> None:
    installs = [
        command
        for line in instructions("RUN")
        for command in line.split("&&")
        if re.search(r"\bpip\b.* (install|wheel)\b", command)
    ]
    assert len(installs) == 5
    for command in installs:
        pinned = "--require-hashes" in command and "--only-binary :all:" in command
        own_code = "--no-deps" in command and ("--no-build-isolation" in command or "--no-index" in command)
        assert pinned or own_code, command


def test_what_the_dockerfile_copies_is_let_in_and_nothing_else_is() -> None:
    let_in = {path.relative_to(ROOT).as_posix() for path in files(ROOT)} - {"Dockerfile", ".dockerignore"}
    copied = {
        name.rstrip("/")
        for line in instructions("COPY")
        if not line.startswith("--from")
        for name in line.split()[:-1]
    }
    for name in copied:
        assert list(ROOT.glob(name)), f"{name} does not exist"
    unused = {name for name in let_in if not any(name == one or name.startswith(f"{one}/") for one in copied)}
    assert unused == set()


def test_images_package_and_lock_are_of_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version() == project["version"]
    assert reference("worker-sample") == f"backbone-worker-sample:{project['version']}"
