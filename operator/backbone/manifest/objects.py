"""Backbones and plans from the YAML that kubectl reads, checked as the API server checks them.

Nothing is half accepted: one bad document refuses them all, with one error that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ..authority.tier import Tier
from ..databackbone.api import DataBackboneSpec
from ..errors import Rejected
from ..failoverdrill.api import FailoverDrillSpec
from ..ingestplan.api import IngestPlanSpec
from ..ingestplan.schedule import schedule_problem, time_zone_problem
from ..schema import ObjectName
from ..vocabulary import ANNOTATION_SCHEDULE, API_VERSION, GROUP
from .complaints import complaints, meant, unknown_field
from .yaml_files import contents

KINDS: dict[str, type[BaseModel]] = {
    "DataBackbone": DataBackboneSpec,
    "IngestPlan": IngestPlanSpec,
    "FailoverDrill": FailoverDrillSpec,
}
_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")

Parsed = TypeVar("Parsed", bound=BaseModel)


class Metadata(BaseModel):
    """ObjectMeta, of which three fields matter here."""

    model_config = ConfigDict(extra="forbid")

    name: ObjectName
    namespace: str | None = None
    generation: int = 0
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    creationTimestamp: Any = None  # noqa: N815
    deletionGracePeriodSeconds: Any = None  # noqa: N815
    deletionTimestamp: Any = None  # noqa: N815
    finalizers: Any = None
    managedFields: Any = None  # noqa: N815
    ownerReferences: Any = None  # noqa: N815
    resourceVersion: Any = None  # noqa: N815
    uid: Any = None


@dataclass(frozen=True, slots=True)
class Document:
    """One object of ours; `place` tells where it stands."""

    place: str
    kind: str
    metadata: Metadata
    spec: BaseModel
    status: Mapping[str, object]
    """What its status says of the tier."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A DataBackbone from a file."""

    name: str
    spec: DataBackboneSpec
    tier: Tier | None = None
    """The tier that serves, as its status says: in a cluster the operator has chosen."""
    generation: int = 0
    identity: str = ""
    """Its uid; outside a cluster, where it has none, its namespace and name."""
    namespace: str = ""
    """Empty where its document names none."""
    in_cluster: bool = False
    cluster: str | None = None
    """Which cluster it is in, as its status says."""
    database: str | None = None
    """Mark of the database that holds its rows, as its status says."""

    @property
    def path(self) -> str:
        """Namespace and name, by which a database that outlives the object knows it."""
        return f"{self.namespace}/{self.name}"

    @property
    def expected(self) -> str | None:
        """Mark of the database that its rows are in, as authority.owner.judge takes it."""
        return (self.database or "") if self.tier == "Institutional" else None


@dataclass(frozen=True, slots=True)
class Plan:
    """An IngestPlan from a file, with its backbone."""

    name: str
    generation: int
    spec: IngestPlanSpec
    backbone: Backbone
    identity: str = ""
    """Its uid; empty outside a cluster."""
    schedule: str = ""
    """The CronJob whose fires are its runs, as the operator says."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything of ours that was found; `notices` are worth telling and stop nothing."""

    backbones: tuple[Backbone, ...]
    plans: tuple[Plan, ...]
    notices: tuple[str, ...]


def read_manifest(paths: list[Path]) -> Manifest:
    """Backbones and plans of files and folders. Raises Rejected."""
    notices: list[str] = []
    documents: dict[tuple[str, str], Document] = {}
    for path in paths:
        for place, kind, version, content in _objects(path):
            if version.split("/")[0] != GROUP:
                notices.append(f"{place} holds a {kind}, which is for kubectl: skipped")
                continue
            document = _document(place, kind, version, content)
            key = (kind, document.metadata.name)
            if key in documents:
                raise Rejected(
                    f"{place}: a second {kind} of the name {key[1]}, the first is in {documents[key].place}; "
                    "remove or rename one"
                )
            documents[key] = document
    if not documents:
        raise Rejected(
            f"{', '.join(str(path) for path in paths)}: nothing of {GROUP} here"
            + (f" ({len(notices)} other objects)" if notices else "")
            + f"; name files or folders that hold a DataBackbone and an IngestPlan of {API_VERSION}"
        )
    return _joined(list(documents.values()), tuple(notices))


def _joined(documents: list[Document], notices: tuple[str, ...]) -> Manifest:
    named = {item.metadata.name: item for item in documents if isinstance(item.spec, DataBackboneSpec)}
    backbones = {
        name: _backbone(name, item.spec, item)
        for name, item in named.items()
        if isinstance(item.spec, DataBackboneSpec)
    }
    plans = []
    for item in documents:
        if not isinstance(item.spec, IngestPlanSpec):
            continue
        wanted = item.spec.backbone_ref.name
        found = named.get(wanted)
        if found is None or found.metadata.namespace != item.metadata.namespace:
            where = f" in namespace {item.metadata.namespace}" if found and item.metadata.namespace else ""
            raise Rejected(
                f"{item.place}: IngestPlan {item.metadata.name}: spec.backboneRef.name: no DataBackbone "
                f"{wanted!r}{where} in what was read; add its file with another -f, or correct the name"
            )
        about = item.metadata
        identity, schedule = str(about.uid or ""), (about.annotations or {}).get(ANNOTATION_SCHEDULE, "")
        plans.append(Plan(about.name, about.generation, item.spec, backbones[wanted], identity, schedule))
    return Manifest(tuple(backbones.values()), tuple(plans), notices)


def _backbone(name: str, spec: DataBackboneSpec, found: Document) -> Backbone:
    def said(field: str) -> str | None:
        value = found.status.get(field)
        return value if isinstance(value, str) and value else None

    return Backbone(
        name,
        spec,
        next((known for known in get_args(Tier) if known == said("active")), None),
        found.metadata.generation,
        _identity_of(found.metadata),
        found.metadata.namespace or "",
        found.metadata.uid is not None,
        said("cluster"),
        said("database"),
    )


def _identity_of(metadata: Metadata) -> str:
    return str(metadata.uid or f"{metadata.namespace or ''}/{metadata.name}")


def _objects(path: Path) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """Place, kind, version and content of each object of a file or folder, those of lists one by one."""
    left = [*contents(path)][::-1]
    lists: set[int] = set()
    while left:
        place, found = left.pop()
        kind, version, content = _identity(place, found)
        if not _is_list(kind, version, content):
            yield place, kind, version, content
            continue
        items = content.get("items") or []
        if not isinstance(items, list):
            raise Rejected(f"{place}: items of a {kind} is not a list of objects")
        # By an alias a list may stand in itself.
        if id(content) in lists:
            raise Rejected(f"{place}: the same {kind} a second time; write its objects once")
        lists.add(id(content))
        left += [(f"{place}, item {number}", item) for number, item in enumerate(items, start=1)][::-1]


def _is_list(kind: str, version: str, content: dict[str, object]) -> bool:
    """Whether an object is what `kubectl get -o yaml` prints: a List, or one of a kind of ours."""
    if version == "v1" and kind == "List":
        return True
    ours = version.startswith(f"{GROUP}/") and kind.removesuffix("List") in KINDS
    return ours and kind.endswith("List") and "items" in content


def _identity(place: str, content: object) -> tuple[str, str, dict[str, object]]:
    if isinstance(content, dict):
        kind, version = content.get("kind"), content.get("apiVersion")
        if isinstance(kind, str) and isinstance(version, str):
            return kind, version, content
    raise Rejected(f"{place}: is no Kubernetes object; it needs apiVersion ({API_VERSION}) and kind")


def _document(place: str, kind: str, version: str, content: dict[str, object]) -> Document:
    if version != API_VERSION:
        raise Rejected(f"{place}: unknown version {version}; use {API_VERSION}")
    if kind not in KINDS:
        raise Rejected(
            f"{place}: unknown kind {kind}{meant(kind, tuple(KINDS))}; {GROUP} has {', '.join(KINDS)}"
        )
    for key in content:
        if key not in _TOP_LEVEL:
            raise Rejected(f"{place}: {unknown_field(str(key), str(key), _TOP_LEVEL)}")
    metadata = _validated(f"{place}: {kind}", "metadata", Metadata, content.get("metadata") or {})
    where = f"{place}: {kind} {metadata.name}"
    if content.get("spec") is None:
        raise Rejected(f"{where}: spec is missing; an empty one is written spec: {{}}")
    spec = _validated(where, "spec", KINDS[kind], content["spec"])
    if isinstance(spec, IngestPlanSpec):
        for field, problem in (
            ("schedule", schedule_problem(spec.schedule)),
            ("timeZone", time_zone_problem(spec.time_zone)),
        ):
            if problem:
                raise Rejected(f"{where}: spec.{field}: {problem}")
    status = content.get("status")
    tier = status.get("tier") if isinstance(status, dict) else None
    # A status says nothing else to us.
    return Document(place, kind, metadata, spec, tier if isinstance(tier, dict) else {})


def _validated(where: str, section: str, model: type[Parsed], content: object) -> Parsed:
    try:
        return model.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Rejected(f"{where}: {complaints(section, model, error)}") from None
