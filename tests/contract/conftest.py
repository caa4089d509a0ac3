"""Real files, real processes, recorded data that is fetched once and kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

import databases
from backbone.adapters.redis.settings import from_keys
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.migrations import packaged
from backbone.providers.sample.fetch import fetch
from backbone.providers.sample.files import sample_root
from databases import Database, StandIn, portable
from forks import Forks, forking
from kafka_place import KafkaPlace
from redis_place import CACHE_USER, RedisPlace
from services.kafka_cluster import KafkaCluster
from services.kafka_server import KafkaServer
from services.postgres import PostgresServer
from services.redis_server import RedisServer
from services.timescaledb import TimescaleServer
from stores import OnDuckDB, OnTimescale, Tier
from worker import ROOT, SAMPLES, Emp, command
from yahoo.service import Yahoo, serve
from yahoo_market import Clock, Market, market

RUN_DEADLINE = 120


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded data; an error, and no skip, where it cannot be had."""
    fetch(sample_root(), lambda _: None)
    return sample_root()


@pytest.fixture
def environment(tmp_path: Path, recorded: Path) -> dict[str, str]:
    """Of a run in a process of its own: as in a pod, nothing of the tester's shell but the path."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "operator"),
        "EMP_SAMPLE_DIR": str(recorded),
        "EMP_TERMINATION_LOG": str(tmp_path / "termination-log"),
        "TMPDIR": str(scratch),
    }


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forking(tmp_path_factory.mktemp("forks"), ROOT / "operator") as found:
        yield found


@pytest.fixture
def emp(tmp_path: Path, environment: dict[str, str], forks: Forks) -> Emp:
    """Runs `emp-runtime` in the test's folder, in a fork of a process that has imported what it needs."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return forks.run([*map(str, arguments)], tmp_path, environment | variables)

    return run


@pytest.fixture
def emp_anew(tmp_path: Path, environment: dict[str, str]) -> Emp:
    """Runs `emp-runtime` in the test's folder from the beginning, as a pod does; several at once may."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=RUN_DEADLINE,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, recorded: Path, forks: Forks) -> Path:
    """A folder in which the samples were ingested, as the first page of the documentation does it."""
    folder = tmp_path_factory.mktemp("home")
    variables = {"PATH": os.environ["PATH"], "EMP_SAMPLE_DIR": str(recorded)}
    done = forks.run(["ingest-once", "-f", str(SAMPLES)], folder, variables)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of 8 MiB, which only root can mount."""
    if os.geteuid() != 0:
        pytest.fail("a full or read-only volume needs a mount: run tests/contract as root", pytrace=False)
    mount = tmp_path / "volume"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of our own, which tests may kill; it is started again where it is used next."""
    with databases.folder("postgres") as place, databases.on_postgres(place) as server:
        yield server


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[TimescaleServer]:
    """A TimescaleDB of our own, which tests may kill; it is started again where it is used next."""
    with databases.folder("timescale") as place, TimescaleServer(place) as server:
        yield server


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[ConnectionSettings]:
    """An empty database on PostgreSQL: the one of POSTGRES_DSN, else our own."""
    dsn = os.environ.get("POSTGRES_DSN") or request.getfixturevalue("postgres_server").start().uri()
    with databases.fresh_database(dsn, timescale=False) as settings:
        yield settings


@pytest.fixture
def timescale(request: pytest.FixtureRequest) -> Iterator[ConnectionSettings]:
    """An empty database with TimescaleDB: on the installation of TIMESCALE_DSN, else our own."""
    if dsn := os.environ.get("TIMESCALE_DSN"):
        with databases.fresh_database(dsn, timescale=True) as settings:
            yield settings
    else:
        yield databases.emptied(request.getfixturevalue("timescale_server"))


@pytest.fixture
def database_of(request: pytest.FixtureRequest) -> Callable[[str], Database]:
    """An empty database on the kind of server that is named, with the migrations that it can take."""

    def of(kind: str) -> Database:
        migrations = packaged() if kind == "timescale" else portable(packaged())
        return Database(kind, request.getfixturevalue(kind), migrations)

    return of


@pytest.fixture(scope="session")
def stand_in(timescale_server: TimescaleServer) -> StandIn:
    return StandIn(timescale_server)


@pytest.fixture
def migrated_database_of(
    request: pytest.FixtureRequest, database_of: Callable[[str], Database]
) -> Callable[[str], Database]:
    """A database without rows of the kind of server that is named, with the migrations that it can take."""

    def of(kind: str) -> Database:
        if kind == "timescale" and "TIMESCALE_DSN" not in os.environ:
            settings = request.getfixturevalue("stand_in").migrated()
            return Database(kind, settings, packaged())
        database = database_of(kind)
        database.migrator().migrate()
        return database

    return of


@pytest.fixture(params=["postgres", "timescale"])
def database(request: pytest.FixtureRequest, database_of: Callable[[str], Database]) -> Database:
    """An empty database, once on each kind of server."""
    return database_of(request.param)


@pytest.fixture(params=["postgres", "timescale"])
def migrated_database(
    request: pytest.FixtureRequest, migrated_database_of: Callable[[str], Database]
) -> Database:
    """A database with the whole schema and no rows, once on each kind of server."""
    return migrated_database_of(request.param)


@pytest.fixture
def own_postgres(postgres_server: PostgresServer) -> Iterator[ConnectionSettings]:
    """An empty database on the PostgreSQL of our own, for tests that do more to a server than use it."""
    with databases.fresh_database(postgres_server.start().uri(), timescale=False) as settings:
        yield settings


@pytest.fixture
def work_table(own_postgres: ConnectionSettings) -> ConnectionSettings:
    """Where pooled_work inserts; on the PostgreSQL of our own."""
    databases.execute(own_postgres, "CREATE TABLE work (id BIGINT GENERATED ALWAYS AS IDENTITY)")
    return databases.changed(own_postgres, pool_size=3, acquire_timeout=5.0)


@pytest.fixture(scope="session")
def redis_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses for the cache's user and for one who may do all: REDIS_URL, or a server of our own."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given, given
        return
    with RedisServer(tmp_path_factory.mktemp("redis"), users={"cache": CACHE_USER}) as server:
        yield server.uri("cache"), server.uri()


@pytest.fixture
def redis_place(redis_urls: tuple[str, str]) -> Iterator[RedisPlace]:
    """A namespace of the test's own."""
    user, admin = redis_urls
    with ExitStack() as stack, redis.Redis.from_url(admin, protocol=2) as everything:
        place = RedisPlace(from_keys("redis", {"uri": user}), everything, stack)
        try:
            yield place
        finally:
            place.clear()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of our own, which tests may kill; it is started again where it is used next."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """Where a broker is that lets anybody in: the one of KAFKA_BOOTSTRAP, else our own."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    return given or request.getfixturevalue("kafka_server").start().uri()


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers of our own that ask for a login, again every five seconds, and for rights."""
    settings = {"connections.max.reauth.ms": "5000"}
    with KafkaCluster(tmp_path_factory.mktemp("brokers"), settings=settings) as cluster:
        yield cluster


@pytest.fixture
def kafka_place(kafka_cluster: KafkaCluster) -> KafkaPlace:
    """Those three, all of them there, with the administrator."""
    return KafkaPlace(kafka_cluster.start())


@pytest.fixture(params=["duckdb", "postgres", "timescale"])
def tier(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_database_of: Callable[[str], Database]
) -> Tier:
    """An empty store of each tier; PostgreSQL shows what TimescaleDB in WebAssembly does not."""
    if request.param == "duckdb":
        return OnDuckDB(tmp_path)
    return OnTimescale(migrated_database_of(request.param).settings)


@pytest.fixture
def institutional(own_postgres: ConnectionSettings) -> OnTimescale:
    """An empty store on the PostgreSQL of our own, which tests may harm."""
    databases.on_postgres_migrated(own_postgres)
    return OnTimescale(own_postgres)


@pytest.fixture(scope="session")
def yahoo_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yahoo")


@pytest.fixture
def yahoo(yahoo_authority: Path, recorded: Path) -> Iterator[Market]:
    clock = Clock()
    service = Yahoo(recorded, clock)
    with serve(service, yahoo_authority) as server:
        yield market(yahoo_authority, server.address, service, clock)
