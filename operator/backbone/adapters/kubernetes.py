"""The Kubernetes API: the `kubernetes` client knows where it is and who asks, aiohttp does the asking."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes import client, config
from yarl import URL

from ..errors import Conflict, Denied, Rejected, Unreachable, Waiting
from ..ports.cluster import EVENT, KINDS, JsonObject, Kind, Objects
from ..vocabulary import FIELD_MANAGER

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""For one call, from its beginning to the end of its answer."""
CONNECTIONS = 32
NAMESPACE_ENDS = timedelta(seconds=30)
"""When to look again at an object whose namespace is being deleted; its own end wakes its visits earlier."""
PAGE = 500
TOKEN_SECONDS = 10.0
"""How long a token is used before it is asked for again: in a cluster its file is renewed by the hour."""

_RIGHT_IS_MISSING = re.compile(r'User "[^"]*" cannot ')
"""An authorizer's refusal. Admission (a quota, a claim that may not grow) refuses with the same code 403 and
other words."""

_NO_DRY_RUN = re.compile(r"does not support dry run")
"""Of a webhook that would do something: what it thinks of an object is known once it is created."""

_WEBHOOK_FAILED = re.compile(r"failed calling webhook .*", re.DOTALL)
"""Of a webhook that has to answer and does not, by status 500."""

_REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}

METHODS = {
    "get": "GET",
    "list": "GET",
    "discover": "GET",
    "create": "POST",
    "dry_run": "POST",
    "apply": "PATCH",
    "replace": "PUT",
    "replace_status": "PUT",
    "delete": "DELETE",
}

Query = list[tuple[str, str]]
Count = Callable[[str, str, str], None]
"""Told of each call: verb, resource, result."""


def connect() -> client.Configuration:
    """Where the cluster is that the process runs in, or else the kubeconfig's current context.

    Raises Unreachable where there is neither.
    """
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise Unreachable(f"no cluster is configured: {error}") from error
    return configuration


class KubernetesCluster:
    """The port `Cluster` on a real API server, with connections of its own."""

    def __init__(self, configuration: client.Configuration, count: Count) -> None:
        self._configuration = configuration
        self._count = count
        self._session: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_until = 0.0

    async def close(self) -> None:
        """End its connections."""
        if self._session is not None:
            await self._session.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        """One object, or None where there is none."""
        return await self._call("get", kind, _path(kind, namespace, name), missing_is_none=True)

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[JsonObject]:
        """Every object of the namespace that carries the labels, read page by page."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        return await self._pages(kind, namespace, [("labelSelector", selector)])

    async def events(self, namespace: str, uid: str, reason: str) -> Objects:
        """The events of this reason about the object of this identity."""
        selector = f"involvedObject.uid={uid},reason={reason}"
        return await self._pages(EVENT, namespace, [("fieldSelector", selector)])

    async def _pages(self, kind: Kind, namespace: str, selected: Query) -> Objects:
        found: Objects = []
        token = ""
        while True:
            query = [("limit", str(PAGE)), *selected, ("continue", token)]
            page = await self._must("list", kind, _path(kind, namespace), [pair for pair in query if pair[1]])
            found += [
                {**item, "apiVersion": kind.api_version, "kind": kind.kind}
                for item in page.get("items") or []
            ]
            token = page["metadata"].get("continue") or ""
            if not token:
                return found

    async def apply(self, document: JsonObject) -> JsonObject:
        """Server-side apply under the operator's field manager; what others own of it is taken over."""
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        return await self._must("apply", _kind(document), _path_of(document), query, document)

    async def create(self, document: JsonObject) -> JsonObject | None:
        """Create an object, or None where one of the name exists."""
        metadata = document["metadata"]
        kind = _kind(document)
        path = _path(kind, metadata["namespace"])
        query = [("fieldManager", FIELD_MANAGER)]
        return await self._call("create", kind, path, query, document, existing_is_none=True)

    async def refusal(self, document: JsonObject) -> str | None:
        """Why the API server refuses to create an object, by a dry run; nothing is created."""
        kind = _kind(document)
        path = _path(kind, document["metadata"]["namespace"])
        query = [("fieldManager", FIELD_MANAGER), ("dryRun", "All")]
        try:
            await self._call("dry_run", kind, path, query, document, existing_is_none=True)
        except Rejected as error:
            return None if _NO_DRY_RUN.search(str(error)) else str(error)
        except Unreachable as error:
            # The API server answers, and one of its webhooks does not.
            failed = _WEBHOOK_FAILED.search(str(error))
            if failed is None:
                raise
            return failed.group()
        return None

    async def replace(self, document: JsonObject) -> JsonObject:
        """Replace an object; Conflict unless it is the version that was read."""
        query = [("fieldManager", FIELD_MANAGER)]
        return await self._must("replace", _kind(document), _path_of(document), query, document)

    async def replace_status(self, document: JsonObject) -> JsonObject:
        """Replace an object's status; Conflict unless it is the version that was read."""
        query = [("fieldManager", FIELD_MANAGER)]
        path = f"{_path_of(document)}/status"
        return await self._must("replace_status", _kind(document), path, query, document)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, orphan: bool = False) -> None:
        """Delete the object of this identity, and what it owns unless that is to stay."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Orphan" if orphan else "Background",
            "preconditions": {"uid": uid},
        }
        path = _path(kind, namespace, name)
        await self._call("delete", kind, path, body=options, missing_is_none=True)

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind."""
        path = _root(kind)
        answer = await self._call("discover", kind, path, missing_is_none=True)
        return answer is not None and any(item["name"] == kind.plural for item in answer["resources"])

    async def _must(
        self,
        verb: str,
        kind: Kind,
        path: str,
        query: Query | None = None,
        body: JsonObject | None = None,
    ) -> JsonObject:
        answer = await self._call(verb, kind, path, query, body)
        if answer is None:
            raise Unreachable(f"{verb} {path}: empty answer")
        return answer

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        query: Query | None = None,
        body: JsonObject | None = None,
        *,
        missing_is_none: bool = False,
        existing_is_none: bool = False,
    ) -> JsonObject | None:
        try:
            status, text = await self._exchange(METHODS[verb], path, query or [], body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._count(verb, kind.plural, "unreachable")
            said = _first_line(error) or "no answer in time"
            raise Unreachable(f"{verb} {path}: {type(error).__name__}: {said}") from error
        self._count(verb, kind.plural, str(status))
        if status >= HTTPStatus.BAD_REQUEST:
            problem = _problem(text)
            if status == HTTPStatus.NOT_FOUND and missing_is_none and _says_missing(verb, problem):
                return None
            if (
                status == HTTPStatus.CONFLICT
                and existing_is_none
                and problem.get("reason") == "AlreadyExists"
            ):
                return None
            raise _error(status, f"{verb} {path}", problem, changes=METHODS[verb] in {"PUT", "PATCH"})
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            # A proxy in between has answered in the API server's place.
            raise Unreachable(f"{verb} {path}: status {status} without an object") from error

    async def _exchange(
        self, method: str, path: str, query: Query, body: JsonObject | None
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = _session(self._configuration)
        content = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        now = time.monotonic()
        if now >= self._token_until:
            self._token_until = now + TOKEN_SECONDS
            self._token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        headers = {"Authorization": self._token} if self._token else {}
        address = f"{self._configuration.host.rstrip('/')}{path}"
        async with self._session.request(
            method,
            # Names and selectors are quoted already.
            URL(f"{address}?{urlencode(query)}" if query else address, encoded=True),
            data=None if body is None else json.dumps(body),
            headers={"Accept": "application/json", "Content-Type": content, **headers},
            proxy=self._configuration.proxy,
        ) as answer:
            return answer.status, await answer.read()


def _session(configuration: client.Configuration) -> aiohttp.ClientSession:
    context: ssl.SSLContext | bool = True
    if configuration.host.startswith("https"):
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=READ_SECONDS, sock_connect=CONNECT_SECONDS),
    )


def _says_missing(verb: str, problem: JsonObject) -> bool:
    """Whether the API server itself says so; anything in between can answer 404 for reasons of its own.

    Where a kind is not served there is no object that could say it.
    """
    return verb == "discover" or (problem.get("kind"), problem.get("reason")) == ("Status", "NotFound")


def _root(kind: Kind) -> str:
    return f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"


def _path(kind: Kind, namespace: str, name: str | None = None) -> str:
    space = f"namespaces/{quote(namespace, safe='')}/" if kind.namespaced else ""
    path = f"{_root(kind)}/{space}{kind.plural}"
    return path if name is None else f"{path}/{quote(name, safe='')}"


def _kind(document: JsonObject) -> Kind:
    return KINDS[document["kind"]]


def _path_of(document: JsonObject) -> str:
    metadata = document["metadata"]
    return _path(_kind(document), metadata["namespace"], metadata["name"])


def _problem(text: bytes) -> JsonObject:
    try:
        answer = json.loads(text)
    except ValueError:
        return {"message": text[:300].decode(errors="replace")}
    return answer if isinstance(answer, dict) else {"message": str(answer)}


def _error(status: int, what: str, problem: JsonObject, changes: bool) -> Exception:
    message = str(problem.get("message", "")) or f"status {status}"
    if status == HTTPStatus.CONFLICT or (status == HTTPStatus.NOT_FOUND and changes):
        return Conflict(f"{what}: {message}")
    causes = (problem.get("details") or {}).get("causes") or []
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Waiting(message, NAMESPACE_ENDS)
    if status == HTTPStatus.UNAUTHORIZED or (
        status == HTTPStatus.FORBIDDEN and _RIGHT_IS_MISSING.search(message)
    ):
        return Denied(f"{what}: {message}")
    if status in _REFUSALS:
        return Rejected(message)
    return Unreachable(f"{what}: status {status}: {message}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else ""
