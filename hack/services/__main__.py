"""Services for development: `python3 hack/services up [SERVICE …]`, `down`, `status`, `env`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from console import Failure, say, step
from deployment import Kubectl, cluster_status
from services.kafka_server import KafkaServer
from services.official import OfficialServices
from services.packages import ensure_postgres, ensure_redis, jars
from services.postgres import PostgresServer
from services.process import LOOPBACK
from services.redis_server import RedisServer
from services.server import Server
from services.timescaledb import TimescaleServer, ensure_template

POSTGRES_PORT = 15432
TIMESCALE_PORT = 15433
REDIS_PORT = 15434
KAFKA_PORT = 15435


def folder() -> Path:
    """Where the services keep their data."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    default = Path("/var/lib/databackbone-services") if os.geteuid() == 0 else home / "databackbone-services"
    return Path(os.environ.get("EMP_SERVICES_STATE") or default).absolute()


def servers() -> dict[str, Server]:
    """Each service by the variable that leads to it; those for pods at the address they were started at."""
    place = folder()
    host = _address().read_text() if _address().exists() else LOOPBACK
    return {
        "POSTGRES_DSN": PostgresServer(place / "postgres", port=POSTGRES_PORT),
        "TIMESCALE_DSN": TimescaleServer(place / "timescale", host=host, port=TIMESCALE_PORT),
        "REDIS_URL": RedisServer(place / "redis", host=host, port=REDIS_PORT),
        "KAFKA_BOOTSTRAP": KafkaServer(place / "kafka", host=host, port=KAFKA_PORT),
    }


def _address() -> Path:
    return folder() / "address"


def _move(wanted: str) -> None:
    """Have what pods need listen at an address of this machine."""
    for server in servers().values():
        if not isinstance(server, PostgresServer) and server.running and server.host != wanted:
            with step(f"stop {server.title}, which goes from {server.host} to {wanted}"):
                server.stop()
    _address().write_text(wanted)


@contextmanager
def alone() -> Iterator[None]:
    """One command at a time: a lock that a killed process cannot leave behind."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def official(cluster: dict[str, Any] | None) -> OfficialServices | None:
    """Those of the official images, where the local cluster can fetch images."""
    if cluster is None or cluster["provider"] != "kind":
        return None
    return OfficialServices(Kubectl(Path(cluster["bin"]), Path(cluster["kubeconfig"])))


def up(*, only: Collection[str] = ()) -> None:
    """Start what does not run, all or those of the given titles; print where it is, as lines for a shell."""
    cluster = cluster_status()
    inside = official(cluster)
    if inside is not None:
        inside.up()
    else:
        _move(LOOPBACK if cluster is None else str(cluster["host_address"]))
    for server in servers().values():
        wanted = not only or server.title.lower() in only
        if wanted and not server.running and (inside is None or isinstance(server, PostgresServer)):
            with step(f"{server.title} at {server.host}:{server.wanted_port}"):
                server.start()
    if cluster is None:
        say("  no local cluster runs, so no pod reaches them; once one does, do this again")
    say(f"  data is under {folder()}; `make services-down` stops them and keeps it")
    env()


def install() -> None:
    """Install and make what a start needs, and start nothing."""
    ensure_postgres()
    ensure_redis()
    ensure_template()
    jars()


def down(*, remove: bool) -> None:
    """Stop what runs; with `remove` the data go too."""
    inside = official(cluster_status())
    if inside is not None and inside.present:
        with step("stop those on kind"):
            inside.down(remove=remove)
    for server in servers().values():
        if server.running:
            with step(f"stop {server.title}"):
                server.stop()
        if remove:
            server.remove()


def status() -> int:
    """Say what runs; 3 where something does not."""
    states = {server.title: server.running for server in servers().values()}
    inside = official(cluster_status())
    if inside is not None and inside.present:
        states |= inside.running()
    for title, running in states.items():
        print(f"{title}: {'running' if running else 'not running'}")
    return 0 if all(states.values()) else 3


def env() -> None:
    """Print the addresses, with passwords, for `eval`. Raises Failure where nothing runs."""
    uris = {name: server.uri() for name, server in servers().items() if server.running}
    inside = official(cluster_status())
    if inside is not None and inside.present:
        uris |= inside.uris()
    if not uris:
        raise Failure("nothing runs; `make services` starts them")
    for name, uri in uris.items():
        print(f"export {name}='{uri}'")


def main() -> int:
    """Carry out one verb."""
    parser = argparse.ArgumentParser(prog="python3 hack/services", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    starting = verbs.add_parser("up", help="start what does not run, and print where it is")
    titles = [server.title.lower() for server in servers().values()]
    starting.add_argument("only", nargs="*", metavar="SERVICE", help=f"those alone, of {', '.join(titles)}")
    verbs.add_parser("install", help="install and make what a start needs, and start nothing")
    ending = verbs.add_parser("down", help="stop what runs, and keep its data")
    ending.add_argument("--remove", action="store_true", help="remove the data too")
    verbs.add_parser("status", help="tell what runs; exit 3 when something does not")
    verbs.add_parser("env", help="print exports for a shell to evaluate")
    given = parser.parse_args()
    if unknown := set(getattr(given, "only", ())) - set(titles):
        parser.error(f"no service is called {', '.join(sorted(unknown))}; there are {', '.join(titles)}")
    try:
        if given.verb == "status":
            return status()
        with alone():
            if given.verb == "down":
                down(remove=given.remove)
            elif given.verb == "up":
                up(only=given.only)
            else:
                {"env": env, "install": install}[given.verb]()
    except Failure as failure:
        say(f"services: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
