"""Naming what goes wrong with Redis; the one place that reads its errors."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

import redis

from ...errors import Unreachable
from ...ports.cache import CacheFault, CacheTrouble
from .settings import RedisSettings

SERVED_ON = frozenset({CacheFault.FULL, CacheFault.FAILED, CacheFault.POOL_EXHAUSTED})
"""Faults of one call: others may do well meanwhile. With the rest nobody needs to ask again at once."""

_CODES = {
    "NOAUTH": CacheFault.AUTHENTICATION_FAILED,
    "WRONGPASS": CacheFault.AUTHENTICATION_FAILED,
    "CROSSSLOT": CacheFault.CLUSTER_MODE,
    "CLUSTERDOWN": CacheFault.CLUSTER_MODE,
    "MOVED": CacheFault.CLUSTER_MODE,
    "ASK": CacheFault.CLUSTER_MODE,
    "TRYAGAIN": CacheFault.CLUSTER_MODE,
    "LOADING": CacheFault.NOT_READY,
    "MASTERDOWN": CacheFault.NOT_READY,
    "NOPERM": CacheFault.PERMISSION_MISSING,
    "READONLY": CacheFault.READ_ONLY,
    "MISCONF": CacheFault.READ_ONLY,
    "NOREPLICAS": CacheFault.READ_ONLY,
    "OOM": CacheFault.FULL,
}
"""What a reply begins with; older servers quote it in the error of a script."""
_CODE = re.compile(rf"\b({'|'.join(_CODES)})\b")
_TEXTS = (
    (re.compile(r"user executing the script can't"), CacheFault.PERMISSION_MISSING),
    (re.compile(r"in cluster mode|in a cluster node|hash to the same slot"), CacheFault.CLUSTER_MODE),
    (re.compile(r"unknown (redis )?command", re.IGNORECASE), CacheFault.COMMAND_MISSING),
    (re.compile(r"DB index|invalid DB"), CacheFault.DATABASE_MISSING),
)
"""What a reply without such a code says, or one of a script whose code is another."""

_KINDS: tuple[tuple[type[Exception], CacheFault], ...] = (
    (redis.AuthenticationError, CacheFault.AUTHENTICATION_FAILED),
    (redis.BusyLoadingError, CacheFault.NOT_READY),
    (redis.exceptions.MasterDownError, CacheFault.NOT_READY),
    (redis.exceptions.ClusterDownError, CacheFault.CLUSTER_MODE),
    (redis.exceptions.ClusterCrossSlotError, CacheFault.CLUSTER_MODE),
    (redis.exceptions.AskError, CacheFault.CLUSTER_MODE),  # and MovedError, which is one
    (redis.exceptions.TryAgainError, CacheFault.CLUSTER_MODE),
    (redis.exceptions.NoPermissionError, CacheFault.PERMISSION_MISSING),
    (redis.ReadOnlyError, CacheFault.READ_ONLY),
    (redis.OutOfMemoryError, CacheFault.FULL),
    (socket.gaierror, CacheFault.NAME_NOT_RESOLVED),
    (ssl.SSLError, CacheFault.TLS_FAILED),
    (ConnectionRefusedError, CacheFault.CONNECTION_REFUSED),
    (TimeoutError, CacheFault.TIMED_OUT),
    (redis.TimeoutError, CacheFault.TIMED_OUT),
)
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN}

_ADVICE = {
    CacheFault.NAME_NOT_RESOLVED: "correct host, or look at the cluster's DNS",
    CacheFault.CONNECTION_REFUSED: "correct host and port, start the server, or look at the firewall",
    CacheFault.TIMED_OUT: "look at host and port, at the network's policies, and whether the server is "
    "overloaded",
    CacheFault.TLS_FAILED: "put the authority that signed the server's certificate into ca.crt, name the "
    "host as the certificate does, or use a port that speaks TLS",
    CacheFault.CONNECTION_LOST: "the server ended the connection: it may be restarting, or speak TLS alone "
    "(rediss://, or tls: true)",
    CacheFault.AUTHENTICATION_FAILED: "correct username and password in the Secret",
    CacheFault.DATABASE_MISSING: "name a lower number, or raise `databases` of the server",
    CacheFault.CLUSTER_MODE: "name a Redis without cluster mode, alone or with replicas",
    CacheFault.COMMAND_MISSING: "name the Redis that the Sentinel watches; where it is none, let the "
    "server have EVAL, EVALSHA and the other commands of the cache's rights",
    CacheFault.NOT_READY: "wait; if it stays, look at the server's log",
    CacheFault.READ_ONLY: "name the primary; if it is one, look whether it can save to its disk",
    CacheFault.FULL: "raise maxmemory, or set maxmemory-policy to allkeys-lru",
    CacheFault.POOL_EXHAUSTED: "fewer threads at once, or more connections",
}


class CacheUnavailable(Unreachable):
    """The cache could not do what was asked."""

    def __init__(self, trouble: CacheTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble

    @property
    def fault(self) -> CacheFault:
        """What is wrong."""
        return self.trouble.fault


def trouble_of(error: BaseException, settings: RedisSettings, rights: str) -> CacheTrouble:
    """What a driver's error means. `rights` is what the user of the cache has to be given.

    The server's words are repeated only where they hold no secret of ours: it never says a password.
    """
    fault = _fault(error)
    told = _told(error)
    if fault is CacheFault.PERMISSION_MISSING:
        advice = f"give the user {settings.username or 'default'} what it needs: ACL SETUSER … {rights}"
    else:
        advice = _ADVICE.get(fault, "")
    said = f": {told}" if told and fault in {CacheFault.TLS_FAILED, CacheFault.FAILED} else ""
    text = f"Redis at {settings.place}: {fault.meaning.rstrip('.')}{said}"
    return CacheTrouble(fault, f"{text}; {advice}" if advice else text)


def fault_of_reply(text: str) -> CacheFault:
    """What the text of an error reply means."""
    for sign, fault in _TEXTS:
        if sign.search(text):
            return fault
    code = _CODE.search(text)
    return _CODES[code.group(1)] if code else CacheFault.FAILED


def _fault(error: BaseException) -> CacheFault:
    for cause in _causes(error):
        for kind, fault in _KINDS:
            if isinstance(cause, kind):
                return fault
        if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
            return CacheFault.CONNECTION_REFUSED
    if isinstance(error, redis.ConnectionError | OSError):
        return CacheFault.CONNECTION_LOST
    return fault_of_reply(str(error))


def _told(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return (getattr(cause, "reason", None) or str(cause.args[-1])).lower().replace("_", " ")
    return str(error)[:200]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
