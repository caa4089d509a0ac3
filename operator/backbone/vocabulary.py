"""Names this project puts into a cluster: group, kinds, labels, annotations, condition types and reasons.

Every condition type and reason carries its meaning; the reference pages are generated from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

GROUP = "backbone.emp.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "databackbone-operator"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_BACKBONE = f"{GROUP}/backbone"
LABEL_PLAN = f"{GROUP}/plan"

LABEL_CLAIM_UID = f"{GROUP}/claim-uid"
"""On a probe Job: the identity of the claim that it probes."""

LABEL_CAUSE = f"{GROUP}/cause"
"""On a Job that looks at the database: digest of what it was started for."""

LABEL_PLAN_UID = f"{GROUP}/plan-uid"
"""On a Job of a plan: the plan's identity. A plan can take over the CronJob of one of its name before it."""

ANNOTATION_DESIRED = f"{GROUP}/desired"
"""On a child: digest of what the operator asked for, which tells a new wish from somebody else's change."""

ANNOTATION_ACKNOWLEDGE = f"{GROUP}/acknowledge"
"""On an object: `<Reason>[/<subject>]:<token>`, …; each entry acknowledges once what waits for a word."""

ANNOTATION_CONFIRM = f"{GROUP}/confirm"
"""On a DataBackbone: tokens, separated by commas, of what would lose rows and waits for a word; the condition
RetentionMet names them. Each new value starts one look at the database, which does what they stand for."""

ANNOTATION_QUARANTINE_RELEASE = f"{GROUP}/quarantine-release"
"""On an IngestPlan: `<reason>:<token>`, `all:<token>` or `<dimension>/<reason>:<token>`; each new value
releases the plan's rows of that reason from quarantine once."""

ANNOTATION_RUN_NOW = f"{GROUP}/run-now"
"""On an IngestPlan: a token of the user's choice; each new value starts one run."""


class Documented(StrEnum):
    """An enum of strings whose members carry their meaning."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Keep the meaning beside the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @classmethod
    def named(cls, value: str | None) -> Self | None:
        """The member of this value, or None."""
        return next((member for member in cls if member == value), None)


class Component(StrEnum):
    """Values of the component label: what a child object is for."""

    VOLUME = "volume"
    VOLUME_PROBE = "volume-probe"
    BINDING = "binding"
    DATABASE = "database"
    PLAN = "plan"
    SCHEDULE = "schedule"
    RUN = "run"
    QUARANTINE = "quarantine"


class ConditionType(Documented):
    """Condition types of all kinds."""

    READY = ("Ready", "The object does what its spec asks for; the summary that `kubectl wait` reads.")
    SUCCEEDED = (
        "Succeeded",
        "The drill ended with a verdict; Unknown before its end. Where it is False, Stalled is True: tools "
        "that know only Stalled do not take a failed drill for done.",
    )
    RECONCILING = ("Reconciling", "The operator is still moving towards the current spec.")
    STALLED = ("Stalled", "No progress is possible until somebody changes something; the message says what.")
    VALIDATED = ("Validated", "The spec and what it refers to make sense together.")
    STORAGE_AVAILABLE = ("StorageAvailable", "A Job wrote the backbone's volume and read back what it wrote.")
    MIGRATED = (
        "Migrated",
        "A Job reached TimescaleDB, and schema and policies there are as version and spec want them.",
    )
    RETENTION_MET = (
        "RetentionMet",
        "TimescaleDB drops what is older than the spec keeps, and has dropped it.",
    )
    POLICIES_RUN = ("PoliciesRun", "TimescaleDB's own jobs compress and refresh as the spec asks for.")
    CACHE_HEALTHY = ("CacheHealthy", "A Job reached Redis and did there what the cache does.")
    ON_REQUESTED_TIER = ("OnRequestedTier", "The tier that serves is the one that spec.mode asks for.")
    SCHEDULED = ("Scheduled", "The plan's CronJob stands as the spec describes it and will fire.")
    COMPLETE = (
        "Complete",
        "The last run delivered every symbol, series and calendar of the required dimensions.",
    )
    STORE_INTACT = ("StoreIntact", "No run had to go on from an empty store, or somebody acknowledged it.")


class Reason(Documented):
    """Reasons of conditions and events."""

    PENDING = ("Pending", "Not looked at yet.")
    AVAILABLE = ("Available", "Everything that was asked for works.")
    PROGRESSING = ("Progressing", "Work towards the current spec is under way.")
    SETTLED = ("Settled", "Nothing is left to do for the current spec.")
    SUSPENDED = ("Suspended", "spec.suspend is true: the operator starts no work for this object.")
    RESUMED = ("Resumed", "spec.suspend ended: the object is Ready again, as it was before.")
    VALID = ("Valid", "Every check of the spec passed.")
    INVALID_SPEC = ("InvalidSpec", "The operator cannot make sense of the spec; the message says where.")
    API_UNREACHABLE = (
        "ApiUnreachable",
        "The operator could not look: the API server did not answer in time.",
    )
    PERMISSION_DENIED = ("PermissionDenied", "The API server refused the operator; check its ClusterRole.")
    CHILD_REFUSED = ("ChildRefused", "The API server refused a child object; the message is its own.")
    NAME_TAKEN = ("NameTaken", "An object of a child's name exists and belongs to somebody else.")
    DRIFT_REVERTED = ("DriftReverted", "Somebody else changed or deleted a child object; it was put back.")
    INTERNAL_ERROR = ("InternalError", "A bug in the operator: its log has the traceback; please report it.")

    CONFIGURATION_CHANGED = (
        "ConfigurationChanged",
        "A change of the spec was accepted; status.lastChange tells it field by field.",
    )

    VOLUME_PENDING = ("VolumePending", "The claim is not bound, or the probe Job has not finished yet.")
    VOLUME_PROBED = ("VolumeProbed", "The probe Job wrote, flushed and read the volume.")
    VOLUME_PROBE_FAILED = ("VolumeProbeFailed", "The probe Job ran and could not write or read the volume.")
    VOLUME_FULL = (
        "VolumeFull",
        "No space is left on the volume: grow spec.bootstrap.storage.size or free space.",
    )
    VOLUME_READ_ONLY = ("VolumeReadOnly", "The volume does not take writes.")
    VOLUME_LEAVING = (
        "VolumeLeaving",
        "The claim is being deleted; nothing is written until a new one is there.",
    )
    VOLUME_REPLACED = (
        "VolumeReplaced",
        "The claim is another one than before; what was stored is fetched again.",
    )
    VOLUME_LOST = ("VolumeLost", "The claim lost its volume; its data is gone unless the volume comes back.")
    VOLUME_MADE_AGAIN = (
        "VolumeMadeAgain",
        "The idle volume's claim is a new one; no row was on the old one.",
    )
    ON_TIER = ("OnTier", "The requested tier serves.")
    TIER_PENDING = (
        "TierPending",
        "The requested tier is being prepared, and no run starts before it serves.",
    )
    TIER_CHANGED = ("TierChanged", "Another tier serves from now on.")
    SWITCH_NOT_AVAILABLE = (
        "SwitchNotAvailable",
        "The tier that serves holds data, and this version cannot take them to the other one.",
    )
    DATABASE_REMOVED = (
        "DatabaseRemoved",
        "The institutional tier serves, and the spec no longer says where its database is.",
    )
    MIGRATED = ("Migrated", "Schema and policies of the database are as they should be.")
    MIGRATION_PENDING = (
        "MigrationPending",
        "The Job that looks at the database and migrates it has not ended for the present spec.",
    )
    DATABASE_CHECK_FAILED = (
        "DatabaseCheckFailed",
        "The Job that looks at the database ended without a report.",
    )
    OUT_OF_DATE = ("OutOfDate", "Nobody could look for so long that the last verdict says nothing any more.")
    RETENTION_MET = ("RetentionMet", "No table holds rows that are older than it should keep.")
    RETENTION_UNCONFIRMED = (
        "RetentionUnconfirmed",
        "A change of retention would drop rows that are there; the message names the token that confirms it.",
    )
    RETENTION_OVERDUE = (
        "RetentionOverdue",
        "A table holds rows that retention should have dropped: the database's job did not run.",
    )
    POLICIES_RUN = ("PoliciesRun", "No job of the database that compresses or refreshes failed or is late.")
    CACHE_REACHABLE = ("CacheReachable", "Redis answers and does what the cache needs.")

    BACKBONE_NOT_FOUND = ("BackboneNotFound", "spec.backboneRef names no DataBackbone of this namespace.")
    BACKBONE_DELETED = ("BackboneDeleted", "The DataBackbone that spec.backboneRef names is being deleted.")
    BACKBONE_NOT_READY = ("BackboneNotReady", "The DataBackbone is not Ready; runs wait for it.")
    BACKBONE_SUSPENDED = ("BackboneSuspended", "The DataBackbone is suspended: no run starts.")
    INVALID_SCHEDULE = ("InvalidSchedule", "spec.schedule is no cron expression.")
    UNKNOWN_TIME_ZONE = ("UnknownTimeZone", "spec.timeZone is not in the IANA database.")
    SCHEDULE_IN_PLACE = ("ScheduleInPlace", "The CronJob matches the spec.")
    AWAITING_FIRST_RUN = ("AwaitingFirstRun", "No run has succeeded yet; the first one is on its way.")
    RUN_STARTED = ("RunStarted", "The operator created the Job of a run.")
    SPEC_CHANGED = (
        "SpecChanged",
        "The last run knew an earlier spec; what is asked for now comes with the next run.",
    )
    RELEASE_STARTED = ("ReleaseStarted", "The operator created the Job of a release from quarantine.")
    RELEASE_REFUSED = (
        "ReleaseRefused",
        "The quarantine-release annotation is not written as <reason>:<token>; nothing was released.",
    )
    DELIVERED = ("Delivered", "The last run stored everything that is required.")
    STORE_INTACT = ("StoreIntact", "No run had to go on from an empty store.")
    STORE_EMPTIED = ("StoreEmptied", "A corrupt store had no sound copy: runs went on from an empty one.")
    ACKNOWLEDGED = ("Acknowledged", "Somebody has acknowledged what waited for a person's word.")
    ACKNOWLEDGEMENT_REFUSED = (
        "AcknowledgementRefused",
        "An acknowledge entry is malformed, or nothing waits.",
    )
    STATUS_GAP = ("StatusGap", "Runs happened whose outcome nobody saw.")

    SCENARIO_NOT_AVAILABLE = (
        "ScenarioNotAvailable",
        "This version cannot run the scenario; nothing was touched.",
    )


class Outcome(Documented):
    """How a run, or one dimension of it, ended."""

    SUCCEEDED = ("Succeeded", "Everything asked for was stored.")
    PARTIAL = ("Partial", "Something was stored and something is missing; the rest of the report says what.")
    UNKNOWN_SYMBOL = ("UnknownSymbol", "The provider does not know one or more symbols, series or calendars.")
    NO_DATA = ("NoData", "The provider knows the names and has nothing in the window.")
    QUARANTINED = (
        "Quarantined",
        "Everything that came is in quarantine: `emp-runtime quarantine list` shows the rows and why.",
    )
    PROVIDER_FAILED = ("ProviderFailed", "The provider failed.")
    RATE_LIMITED = (
        "RateLimited",
        "The provider asked for fewer requests; the next run asks for the rest first.",
    )
    PARTIAL_ANSWER = (
        "PartialAnswer",
        "The provider's answer broke off or lacks a part of the window; what came was stored.",
    )
    CHANGED_SHAPE = (
        "ChangedShape",
        "The provider's answer is not of the form that this version reads: a page instead of data, or a "
        "field that is gone.",
    )
    TIMED_OUT = ("TimedOut", "The provider did not answer in time.")
    SERVER_TROUBLE = ("ServerTrouble", "The provider answered that it is in trouble itself.")
    PROVIDER_UNREACHABLE = (
        "ProviderUnreachable",
        "No connection to the provider came about: name, network, proxy or certificate.",
    )
    ACCESS_REFUSED = (
        "AccessRefused",
        "The provider refused the key, or the Secret that spec names has none; put a valid key into it.",
    )
    SAMPLE_DATA_MISSING = (
        "SampleDataMissing",
        "The recorded data is not installed: `emp-runtime sample fetch`.",
    )
    INVALID_PLAN = ("InvalidPlan", "The plan that the worker was given does not parse or validate.")
    STORE_BUSY = ("StoreBusy", "Another worker held the backbone's lock for longer than the wait.")
    STORE_FAILED = ("StoreFailed", "The store refused the rows.")
    STORE_INACCESSIBLE = ("StoreInaccessible", "The system gave no access to the store; nothing was moved.")
    UNKNOWN_ENTRY = (
        "UnknownEntry",
        "No entry of the quarantine has an id that was named; nothing was released.",
    )
    STORE_UNREACHABLE = (
        "StoreUnreachable",
        "No connection to the database came about, or it ended in the middle; the next run makes it up.",
    )
    STORE_FULL = ("StoreFull", "The database has no space left.")
    STORE_READ_ONLY = ("StoreReadOnly", "The database takes no writes: it is a replica, or read-only.")
    VOLUME_FULL = ("VolumeFull", "No space is left on the volume.")
    VOLUME_READ_ONLY = ("VolumeReadOnly", "The volume does not take writes.")
    DIED_WITHOUT_MESSAGE = ("DiedWithoutMessage", "The worker ended and left no report.")
    OUT_OF_MEMORY = ("OutOfMemory", "The worker passed its memory limit and was killed.")
    EVICTED = ("Evicted", "The node evicted the worker's pod.")
    IMAGE_PULL_FAILED = ("ImagePullFailed", "The worker's image cannot be pulled.")
    UNSCHEDULABLE = ("Unschedulable", "No node takes the worker's pod.")
    CONTAINER_NOT_STARTED = ("ContainerNotStarted", "The kubelet could not start the worker's container.")
    DEADLINE_EXCEEDED = ("DeadlineExceeded", "The run passed spec.worker.deadlineSeconds and was stopped.")
    STOPPED = ("Stopped", "The worker was told to stop before the run ended.")
    INTERNAL_ERROR = ("InternalError", "A bug in the worker: its log has the traceback; please report it.")
    JOB_VANISHED = ("JobVanished", "The run's Job, or its pod, was deleted before its outcome was read.")
