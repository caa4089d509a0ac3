"""What the services need from Debian, npm and Maven, installed only where it is missing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from console import Failure, say, step

HERE = Path(__file__).resolve().parent
MANIFEST = HERE / "timescale"
INSTALL_DEADLINE = 900.0
OLDEST_NODE = 18
BROKER = HERE / "kafka"
OLDEST_JAVA = 17


def cache() -> Path:
    """The machine's cache of what is fetched, which other checkouts share."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "databackbone"
    return Path(os.environ.get("EMP_CACHE") or default).absolute()


def ensure_postgres() -> None:
    """Have PostgreSQL's programs on this machine."""
    if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb"):
        return
    # Without this the package would make a server of its own and start it.
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    _install("postgresql")


def ensure_redis() -> None:
    """Have Redis' programs on this machine.

    Debian's redis-tools has the server's program too, under another name; redis-server adds a service, which
    nobody wants here.
    """
    if shutil.which("redis-cli") is None:
        _install("redis-tools")


def node() -> str:
    """The full path of node. Raises Failure where it is too old."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _install("nodejs", "npm")
    path = shutil.which("node") or "node"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    if int(said.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise Failure(f"node {said.strip()} is too old for TimescaleDB; it needs {OLDEST_NODE} or newer")
    return path


def modules() -> Path:
    """The folder with the pinned node_modules, fetched once per lock file."""
    lock = MANIFEST / "package-lock.json"
    place = cache() / "services" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if place.exists():
        return place
    scratch = place.with_suffix(f".{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(MANIFEST / name, scratch / name)
    with step("npm packages"):
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=scratch)
    try:
        scratch.rename(place)
    except OSError:
        shutil.rmtree(scratch)  # another process was first
    return place


def java() -> str:
    """The full path of java. Raises Failure where it is too old."""
    if shutil.which("java") is None:
        _install("openjdk-17-jre-headless")
    path = shutil.which("java") or "java"
    said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    version = re.search(r'"(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise Failure(f"java on this machine is too old for Kafka; it needs {OLDEST_JAVA} or newer")
    return path


def jars() -> Path:
    """The folder with the broker's jars, fetched once per pom.xml.

    Raises Failure where a jar is not the one that sums.txt knows.
    """
    pom, sums = BROKER / "pom.xml", BROKER / "sums.txt"
    place = cache() / "services" / hashlib.sha256(pom.read_bytes() + sums.read_bytes()).hexdigest()[:16]
    if place.exists():
        return place
    java()
    if shutil.which("mvn") is None:
        _install("maven")
    scratch = place.with_suffix(f".{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "jars").mkdir(parents=True)
    shutil.copyfile(pom, scratch / "pom.xml")
    copying = ("dependency:copy-dependencies", f"-DoutputDirectory={scratch / 'jars'}")
    with step("Kafka's jars"):
        _run(["mvn", "--batch-mode", "--quiet", "--strict-checksums", *copying], cwd=scratch)
    try:
        _check(scratch / "jars", sums)
        (scratch / "jars").rename(place)
    except OSError:
        if not place.exists():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch)
    return place


def _check(folder: Path, sums: Path) -> None:
    """Raise Failure unless a folder holds exactly the files that a list names, with these digests."""
    wanted = {name: digest for digest, name in map(str.split, sums.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if differing:
        raise Failure(f"not what {sums.name} of Kafka's jars says, and not used: {', '.join(differing)}")


def _install(*packages: str) -> None:
    """Install Debian packages, which stay, where we may."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failure(
            f"please install: {' '.join(packages)} (on Debian: apt-get install {' '.join(packages)})"
        )
    say(f"  installing Debian packages, which stay: {' '.join(packages)}")
    with step("Debian packages"):
        for verb in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            _run(["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=300", *verb])


def _run(argv: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_DEADLINE,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv[:2])} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
