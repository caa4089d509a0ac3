"""The shell around every kind: read, observe, evaluate, act, write status, tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from .conditions import Condition, condition, parse_time, read_conditions, transition
from .decisions import log_decision, told_in_log
from .errors import Conflict, Denied, Rejected
from .evaluation import Action, Apply, Evaluation, Notice, Prune, Refusal, Start, Subject
from .measures import Family
from .metrics import Metrics
from .notices import bounded, turned
from .ports.cluster import Cluster, JsonObject, Kind
from .ports.readings import ChildReading
from .schema import Model
from .vocabulary import ANNOTATION_DESIRED, ConditionType, Reason

S = TypeVar("S", bound=Model)
O = TypeVar("O")  # noqa: E741 - the observation's type

Clock = Callable[[], datetime]
Tell = Callable[[JsonObject, Notice], None]
"""Post an event about an object."""

METADATA_CHANGES = 3
"""How often an object's annotations or labels may change while one status is written."""


@dataclass(frozen=True, slots=True)
class Room(Generic[S, O]):
    """What a kind brings: its model, its condition types with the summary first, and its two functions."""

    kind: Kind
    spec: type[S]
    conditions: tuple[ConditionType, ...]
    observe: Callable[[Subject[S]], Awaitable[O]]
    evaluate: Callable[[Subject[S], O, Sequence[Refusal], datetime], Evaluation]
    optional: tuple[tuple[ConditionType, str], ...] = ()
    """Condition types that are there only where a section of the spec is."""
    families: tuple[Family, ...] = ()
    """Metric families of its objects."""

    @property
    def summary(self) -> ConditionType:
        """The condition that speaks for the whole object."""
        return self.conditions[0]

    def types(self, body: JsonObject) -> tuple[ConditionType, ...]:
        """The condition types of an object: what is not configured has none."""
        spec = body.get("spec") or {}
        return (*self.conditions, *(kind for kind, section in self.optional if spec.get(section)))


@dataclass(frozen=True, slots=True)
class Visited:
    """How a visit went: `gone` ends an object's visits, and `after` is when the next one is asked for."""

    result: str
    gone: bool = False
    after: timedelta | None = None
    refused: Reason | None = None
    """Why the API server refused a child, if it did: worth another try before long."""


class Reconciler(Generic[S, O]):
    """Visits objects of one kind. A visit raises nothing that a later visit could mend."""

    def __init__(
        self, room: Room[S, O], cluster: Cluster, metrics: Metrics, clock: Clock, tell: Tell
    ) -> None:
        self.room = room
        self._cluster = cluster
        self._metrics = metrics
        metrics.declare(room.kind.kind, room.families)
        self._clock = clock
        self._tell = tell
        self._applied: dict[tuple[str, str], dict[str, tuple[str, str | None]]] = {}
        """Per owner and child: the content that applying it led to, and the digest of what was applied."""

    async def visit(self, namespace: str, name: str) -> Visited:
        """Bring one object and its status up to date.

        Raises Conflict when the object changed meanwhile, Unreachable when the cluster could not be asked.
        """
        body = await self._cluster.get(self.room.kind, namespace, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._metrics.drop(self.room.kind.kind, namespace, name)
            self._applied.pop((namespace, name), None)
            return Visited("gone", gone=True)
        if not (body.get("status") or {}).get("conditions"):
            body = await self._write(body, {}, self._pending(body), observed=0)
        try:
            subject = self._subject(body)
        except ValidationError as error:
            await self._write(body, _fields(body), self._invalid(body, error))
            return Visited(str(Reason.INVALID_SPEC))
        evaluation, drifted, refused = await self._judge(subject)
        fields = evaluation.fields.model_dump(mode="json", by_alias=True, exclude_none=True)
        await self._write(body, fields, evaluation.conditions, (*evaluation.notices, *drifted))
        for measure in evaluation.measures:
            self._metrics.show(self.room.kind.kind, namespace, name, measure)
        return Visited("done", after=evaluation.recheck_after, refused=refused)

    async def admit(self, namespace: str, name: str, reason: Reason, message: str) -> None:
        """Say in the object's status that it could not be looked at; raises Unreachable if that fails too."""
        body = await self._cluster.get(self.room.kind, namespace, name)
        if body is None:
            return
        before = {item.type: item for item in read_conditions((body.get("status") or {}).get("conditions"))}
        generation = _generation(body)
        unknown = {kind: condition(kind, None, reason, message, generation) for kind in self.room.types(body)}
        for kind in (ConditionType.RECONCILING, ConditionType.STALLED):
            unknown[kind] = before.get(kind) or unknown[kind]
        if reason is Reason.PERMISSION_DENIED:
            kind = ConditionType.STALLED
            unknown[kind] = condition(kind, True, reason, message, generation)
        # What was judged last is not this generation, if it changed since.
        observed = int((body.get("status") or {}).get("observedGeneration", 0))
        await self._write(body, _fields(body), tuple(unknown.values()), observed=observed)

    async def _judge(self, subject: Subject[S]) -> tuple[Evaluation, tuple[Notice, ...], Reason | None]:
        observation = await self.room.observe(subject)
        evaluation = self.room.evaluate(subject, observation, (), self._clock())
        drifted, refusal = await self._act(subject, evaluation.actions)
        if refusal is not None:
            evaluation = self.room.evaluate(subject, observation, (refusal,), self._clock())
        return evaluation, drifted, refusal.reason if refusal is not None else None

    async def _act(
        self, owner: Subject[S], actions: Sequence[Action]
    ) -> tuple[tuple[Notice, ...], Refusal | None]:
        drifted: list[Notice] = []
        for action in actions:
            try:
                match action:
                    case Apply():
                        drifted += await self._apply(owner, action)
                    case Start():
                        if await self._cluster.create(action.document) is not None:
                            self._log(owner, f"started Job {_child(action)}", action.why)
                    case Prune():
                        await self._prune(owner, action)
            except (Rejected, Denied) as error:
                reason = Reason.PERMISSION_DENIED if isinstance(error, Denied) else Reason.CHILD_REFUSED
                return tuple(drifted), Refusal(_child(action), reason, str(error))
        return tuple(drifted), None

    async def _prune(self, owner: Subject[S], action: Prune) -> None:
        target = (action.kind, owner.namespace, action.name, action.uid)
        await self._cluster.delete(*target, orphan=action.orphan)
        self._log(owner, f"deleted {action.kind.kind} {action.name}", action.why)
        # Whoever makes it again then puts nothing of anybody's back.
        self._known(owner).pop(f"{action.kind.kind} {action.name}", None)

    def _known(self, owner: Subject[S]) -> dict[str, tuple[str, str | None]]:
        """What was applied for an object in this process's life, by child."""
        return self._applied.setdefault((owner.namespace, owner.name), {})

    async def _apply(self, owner: Subject[S], action: Apply) -> list[Notice]:
        found, document = action.found, action.document
        known = self._known(owner)
        child = f"{document['kind']} {document['metadata']['name']}"
        wish = document["metadata"]["annotations"].get(ANNOTATION_DESIRED)
        if found is not None and known.get(child) == (found.content, wish):
            # At most its status changed since it was made so: applying it again would change nothing.
            return []
        if found is not None:
            # A leader that was frozen meanwhile is refused instead of undoing its successor's work.
            metadata = {**document["metadata"], "resourceVersion": found.resource_version}
            document = {**document, "metadata": metadata}
        applied = ChildReading.read(await self._cluster.apply(document))
        stood, known[child] = child in known, (applied.content, wish)
        what, why = "", "it was not there" if found is None else "what is asked for has changed"
        if found is None:
            what = "deleted by somebody else and created again" if stood else ""
        else:
            drifted = found.desired == applied.desired and found.owned_fields != applied.owned_fields
            what = "changed by somebody else and put back" if drifted else ""
        if found is None or found.content != applied.content:
            self._log(
                owner,
                f"{'created' if found is None else 'changed'} {child}",
                f"it was {what}" if what else why,
            )
        return [Notice("Normal", Reason.DRIFT_REVERTED, f"{child} was {what}.")] if what else []

    def _log(self, owner: Subject[S], what: str, why: str) -> None:
        if why:
            log_decision(f"{self.room.kind.kind}/{owner.namespace}/{owner.name}", what, why)

    async def _write(
        self,
        body: JsonObject,
        fields: JsonObject,
        conditions: tuple[Condition, ...],
        notices: Sequence[Notice] = (),
        *,
        observed: int | None = None,
    ) -> JsonObject:
        """Write the status if it differs, and tell what changed once it is written.

        `observed` is the generation that was judged, where that is not the present one.
        """
        metadata = body["metadata"]
        before = read_conditions((body.get("status") or {}).get("conditions"))
        dated = transition(before, conditions, self._clock())
        status = {
            **fields,
            "observedGeneration": _generation(body) if observed is None else observed,
            "conditions": [item.to_json() for item in dated],
        }
        written = body
        if status != body.get("status"):
            written = await self._replace_status(body, status)
        summary = next(item for item in dated if item.type == self.room.summary)
        self._metrics.show_ready(self.room.kind.kind, metadata["namespace"], metadata["name"], summary.status)
        for notice in (*notices, *turned(before, summary, notices)):
            self._tell(body, bounded(notice))
        subject = f"{self.room.kind.kind}/{metadata['namespace']}/{metadata['name']}"
        for what, why in told_in_log(before, dated, notices):
            log_decision(subject, what, why)
        return written

    async def _replace_status(self, body: JsonObject, status: JsonObject) -> JsonObject:
        """Write the status of the object that was read.

        Where only its metadata changed meanwhile the status is as true as before, and what it records was
        done: it is written all the same. Raises Conflict where the spec or the status changed.
        """
        read, metadata = body, body["metadata"]
        for _ in range(METADATA_CHANGES):
            try:
                return await self._cluster.replace_status({**read, "status": status})
            except Conflict:
                stored = await self._cluster.get(self.room.kind, metadata["namespace"], metadata["name"])
                if stored is not None and stored.get("status") == status:
                    # Our own write came between: its answer was lost, and it was sent again.
                    return stored
                if stored is None or any(stored.get(part) != body.get(part) for part in ("spec", "status")):
                    raise
                read = stored
        raise Conflict(f"{self.room.kind.kind} {metadata['name']} changed {METADATA_CHANGES} times")

    def _subject(self, body: JsonObject) -> Subject[S]:
        metadata = body["metadata"]
        return Subject(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=_generation(body),
            annotations=dict(metadata.get("annotations") or {}),
            spec=self.room.spec.model_validate(body.get("spec") or {}, by_alias=True, by_name=False),
            status=_fields(body),
            created=parse_time(metadata["creationTimestamp"]),
        )

    def _pending(self, body: JsonObject) -> tuple[Condition, ...]:
        generation = _generation(body)
        return tuple(
            condition(kind, None, Reason.PENDING, Reason.PENDING.meaning, generation)
            for kind in self.room.types(body)
        )

    def _invalid(self, body: JsonObject, error: ValidationError) -> tuple[Condition, ...]:
        generation = _generation(body)
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(("spec", *(str(part) for part in first["loc"])))
        message = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        holds = {
            self.room.summary: False,
            ConditionType.VALIDATED: False,
            ConditionType.RECONCILING: False,
            ConditionType.STALLED: True,
        }
        return tuple(
            condition(kind, holds.get(kind), Reason.INVALID_SPEC, message, generation)
            for kind in self.room.types(body)
        )


def _child(action: Action) -> str:
    return action.name if isinstance(action, Prune) else str(action.document["metadata"]["name"])


def _fields(body: JsonObject) -> dict[str, Any]:
    status = body.get("status") or {}
    return {key: value for key, value in status.items() if key not in {"conditions", "observedGeneration"}}


def _generation(body: JsonObject) -> int:
    return int(body["metadata"].get("generation", 0))
