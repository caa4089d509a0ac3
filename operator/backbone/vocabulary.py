"""Names this project puts into a cluster: group, kinds, labels, annotations, condition types and reasons.

Every condition type and reason carries its meaning; the reference pages are generated from it.
"""

from __future__ import annotations

from enum import StrEnum

from .documented import Documented, Severity

_NORMAL, _PAUSED, _WARNING = Severity.NORMAL, Severity.PAUSED, Severity.WARNING

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
"""On a Job that checks the database, topics or lag: hash of the cause that it was started for."""

LABEL_PLAN_UID = f"{GROUP}/plan-uid"
"""On a Job of a plan: the plan's identity. A plan can adopt the CronJob of an earlier plan of its name."""

LABEL_EXPORT = f"{GROUP}/export"
"""On a CronJob or Job of a plan's export: the name of the export."""

DIMENSION_NAMES = ("dailyBars", "intradayBars", "intradayTrades", "macroSeries", "macroEvents")
"""As they stand in specs, in journals and in names of topics."""

ANNOTATION_DESIRED = f"{GROUP}/desired"
"""On a child: hash of the desired object, which tells a new desired state from somebody else's change."""

ANNOTATION_PODS = f"{GROUP}/pods"
"""On a Job: hash of the settings of its pods, which tells whether the settings changed since."""

ANNOTATION_SCHEDULE = f"{GROUP}/schedule"
"""On the plan that a worker reads: the CronJob whose fires are runs. An operator of another version manages
another CronJob and leaves this one out; runs of this CronJob then end at once."""

# Set by users; the table in tokens.py says what each of them asks for.
ANNOTATION_ACKNOWLEDGE = f"{GROUP}/acknowledge"
ANNOTATION_CONFIRM = f"{GROUP}/confirm"
ANNOTATION_EXPORT_NOW = f"{GROUP}/export-now"
ANNOTATION_QUARANTINE_RELEASE = f"{GROUP}/quarantine-release"
ANNOTATION_RUN_NOW = f"{GROUP}/run-now"


class Component(StrEnum):
    """Values of the component label: what a child object is for."""

    VOLUME = "volume"
    VOLUME_PROBE = "volume-probe"
    BINDING = "binding"
    DATABASE = "database"
    TOPICS = "topics"
    LAG = "lag"
    PLAN = "plan"
    SCHEDULE = "schedule"
    RUN = "run"
    QUARANTINE = "quarantine"
    EXPORT = "export"


class ConditionType(Documented):
    """Condition types of all kinds."""

    READY = ("Ready", "The object does what its spec asks for. `kubectl wait` reads this summary.")
    SUCCEEDED = (
        "Succeeded",
        "The drill succeeded; Unknown before it ends. If it is False, Stalled is True too, so "
        "that tools which read only Stalled do not report a failed drill as done.",
    )
    RECONCILING = ("Reconciling", "The operator is still moving towards the current spec.")
    STALLED = ("Stalled", "The operator cannot proceed until somebody changes what the message names.")
    VALIDATED = ("Validated", "The spec is valid, and so is every reference in it.")
    STORAGE_AVAILABLE = ("StorageAvailable", "A Job wrote to the backbone's volume and read the data back.")
    MIGRATED = (
        "Migrated",
        "A Job reached TimescaleDB. The schema matches this version, and the policies match the spec.",
    )
    RETENTION_MET = (
        "RetentionMet",
        "TimescaleDB drops rows that are older than the spec allows, and no such row is overdue.",
    )
    POLICIES_RUN = ("PoliciesRun", "TimescaleDB's jobs compress tables and refresh aggregates as specified.")
    CACHE_HEALTHY = ("CacheHealthy", "A Job reached Redis and ran the cache's commands there.")
    TOPICS_PROVISIONED = (
        "TopicsProvisioned",
        "Every topic of spec.kafka, and every topic of ours, exists as the spec describes it.",
    )
    STREAM_HEALTHY = (
        "StreamHealthy",
        "Kafka carries events: a Job reached it, had the rights that it needs, and found every topic usable; "
        "and no consumer group of spec.kafka.consumerGroups stands still or lags too far behind.",
    )
    ON_REQUESTED_TIER = ("OnRequestedTier", "The active tier is the one that spec.mode requests.")
    SCHEDULED = ("Scheduled", "The plan's CronJob exists, matches the spec and will fire.")
    COMPLETE = (
        "Complete",
        "The last run delivered every symbol, series and calendar of the required dimensions.",
    )
    EXPORTED = ("Exported", "The last attempt of every export succeeded. Ready does not depend on it.")
    STORE_INTACT = ("StoreIntact", "No run continued from an empty store, or somebody acknowledged it.")


class Reason(Documented):
    """Reasons of conditions and events."""

    PENDING = ("Pending", "The operator has not checked this yet.")
    AVAILABLE = ("Available", "Everything that the spec asks for works.")
    PROGRESSING = ("Progressing", "The operator is working towards the current spec.")
    SETTLED = ("Settled", "Reconciling: the operator does nothing for the spec now. Stalled: it retries.")
    SUSPENDED = ("Suspended", "spec.suspend is true: the operator starts no work for this object.", _PAUSED)
    RESUMED = ("Resumed", "spec.suspend is false again, and the object is Ready as it was before.")
    VALID = ("Valid", "Every check of the spec passed.")
    INVALID_SPEC = ("InvalidSpec", "The operator cannot read the spec; the message names the field.")
    API_UNREACHABLE = ("ApiUnreachable", "The API server did not answer the operator in time.")
    PERMISSION_DENIED = (
        "PermissionDenied",
        "The API server denied the operator a request; check its ClusterRole.",
        _WARNING,
    )
    CHILD_REFUSED = (
        "ChildRefused",
        "The API server refused a child object; the message quotes its answer.",
        _WARNING,
    )
    NAME_TAKEN = ("NameTaken", "An object with a child's name exists and belongs to somebody else.")
    DRIFT_REVERTED = ("DriftReverted", "Somebody else changed or deleted a child object; it was restored.")
    STANDING_BY = (
        "StandingBy",
        "Event of a Lease: another operator serves the namespace, so this one does nothing there.",
    )
    INTERNAL_ERROR = ("InternalError", "A bug in the operator: its log has the traceback; please report it.")

    CONFIGURATION_CHANGED = (
        "ConfigurationChanged",
        "The operator accepted a change of the spec; status.lastChange lists the fields.",
    )

    VOLUME_PENDING = (
        "VolumePending",
        "The claim is not bound, or the probe Job has not finished yet.",
        _NORMAL,
    )
    VOLUME_PROBED = ("VolumeProbed", "The probe Job wrote to the volume, flushed it and read it back.")
    VOLUME_PROBE_FAILED = ("VolumeProbeFailed", "The probe Job ran and failed to write or read the volume.")
    VOLUME_FULL = ("VolumeFull", "The volume is full: increase spec.bootstrap.storage.size or free space.")
    VOLUME_READ_ONLY = ("VolumeReadOnly", "The volume does not accept writes.")
    VOLUME_LEAVING = ("VolumeLeaving", "The claim is being deleted; no run writes until a new claim exists.")
    VOLUME_REPLACED = (
        "VolumeReplaced",
        "The volume claim was replaced; the next runs fetch again what the old volume stored.",
    )
    VOLUME_LOST = ("VolumeLost", "The claim lost its volume; the data is lost unless the volume returns.")
    VOLUME_MADE_AGAIN = ("VolumeMadeAgain", "The idle volume has a new claim; the old one stored no rows.")
    ON_TIER = ("OnTier", "The requested tier is active.")
    TIER_PENDING = (
        "TierPending",
        "The operator prepares the requested tier; no run starts before it is active.",
        _NORMAL,
    )
    TIER_CHANGED = ("TierChanged", "The active tier changed.")
    SWITCH_NOT_AVAILABLE = (
        "SwitchNotAvailable",
        "The spec asks for another tier; this version cannot move stored rows, and the active tier goes on.",
    )
    DATABASE_REMOVED = ("DatabaseRemoved", "The institutional tier is active, and the spec lacks timescale.")
    MIGRATED = ("Migrated", "The database's schema matches this version, and its policies match the spec.")
    MIGRATION_PENDING = (
        "MigrationPending",
        "The Job that checks and migrates the database has not finished for the current spec.",
        _NORMAL,
    )
    DATABASE_CHECK_FAILED = ("DatabaseCheckFailed", "The Job that checks the database left no report.")
    OUT_OF_DATE = ("OutOfDate", "No check has finished for so long that the last result is out of date.")
    RETENTION_MET = ("RetentionMet", "No table stores rows that are older than its retention.")
    RETENTION_UNCONFIRMED = (
        "RetentionUnconfirmed",
        "A change of retention would drop existing rows; the message names the token that confirms it.",
    )
    RETENTION_OVERDUE = (
        "RetentionOverdue",
        "A table stores rows that retention should have dropped: the database's job did not run.",
    )
    POLICIES_RUN = ("PoliciesRun", "No compression or refresh job of the database failed or is late.")
    CACHE_REACHABLE = ("CacheReachable", "Redis answers and runs every command that the cache needs.")

    TOPICS_PENDING = (
        "TopicsPending",
        "The Job that checks and creates topics has not finished for the current spec.",
        _NORMAL,
    )
    TOPICS_CHECK_FAILED = ("TopicsCheckFailed", "The Job that checks and creates topics left no report.")
    TOPICS_PROVISIONED = ("TopicsProvisioned", "Every topic exists as the spec describes it.")
    STREAM_HEALTHY = ("StreamHealthy", "Kafka answers, every topic can be used, and consumer groups keep up.")

    LAG_PENDING = ("LagPending", "The Job that samples lag has not finished for this spec.", _NORMAL)
    LAG_CHECK_FAILED = ("LagCheckFailed", "The Job that samples lag left no report.")
    LAG_ABOVE_WARN = ("LagAboveWarnRecords", "A consumer group has as many unread records as warnRecords.")
    LAG_ABOVE_FAIL = ("LagAboveFailRecords", "A consumer group has as many unread records as failRecords.")
    LAG_NOT_LISTED = ("LagNotListed", "A group that status.lag has no room for may be above a threshold.")

    BACKBONE_NOT_FOUND = (
        "BackboneNotFound",
        "The DataBackbone that spec.backboneRef names does not exist in this namespace.",
    )
    BACKBONE_DELETED = ("BackboneDeleted", "The DataBackbone that spec.backboneRef names is being deleted.")
    BACKBONE_NOT_READY = ("BackboneNotReady", "The DataBackbone is not Ready; runs wait for it.", _NORMAL)
    BACKBONE_SUSPENDED = ("BackboneSuspended", "The DataBackbone is suspended: no run starts.", _PAUSED)
    INVALID_SCHEDULE = ("InvalidSchedule", "spec.schedule is not a valid cron expression.")
    UNKNOWN_TIME_ZONE = ("UnknownTimeZone", "spec.timeZone is not in the IANA database.")
    SCHEDULE_IN_PLACE = ("ScheduleInPlace", "The CronJob matches the spec.")
    AWAITING_FIRST_RUN = ("AwaitingFirstRun", "No run succeeded yet; the first is due or runs.", _NORMAL)
    RUN_STARTED = ("RunStarted", "The operator created the Job of a run.")
    RUN_MISSED = ("RunMissed", "The schedule fired and no run started; one starts as soon as it can store.")
    RUN_WAITS = ("RunWaits", "A run-now token waits until the run of the previous token has ended.")
    RUN_SUPERSEDED = ("RunSuperseded", "A newer run-now token replaced one that was waiting.")
    SPEC_CHANGED = ("SpecChanged", "The last run used an earlier spec; the next run uses this one.", _NORMAL)
    RELEASE_STARTED = ("ReleaseStarted", "The operator created the Job of a release from quarantine.")
    RELEASE_REFUSED = (
        "ReleaseRefused",
        "The quarantine-release annotation does not have the form <reason>:<token>; nothing was released.",
    )
    EXPORTED = ("Exported", "The last attempt of every export committed a manifest.")
    AWAITING_FIRST_EXPORT = ("AwaitingFirstExport", "The first attempt of an export has not ended.", _NORMAL)
    TARGET_IS_BACKBONE = ("TargetIsBackbone", "The target of an export is the claim of a DataBackbone.")
    EXPORT_STARTED = ("ExportStarted", "The operator created the Job of an export.")
    EXPORT_REFUSED = ("ExportRefused", "The export-now annotation does not name an export of the plan.")
    DELIVERED = ("Delivered", "The last run stored everything that is required.")
    STORE_INTACT = ("StoreIntact", "No run continued from an empty store.")
    STORE_EMPTIED = ("StoreEmptied", "A corrupt store had no intact copy: runs continue from an empty store.")
    ACKNOWLEDGED = ("Acknowledged", "Somebody acknowledged an event that required it.")
    ACKNOWLEDGEMENT_REFUSED = ("AcknowledgementRefused", "An acknowledge entry is malformed or not needed.")
    STATUS_GAP = ("StatusGap", "One or more runs finished, and the operator never read their outcome.")

    SCENARIO_NOT_AVAILABLE = (
        "ScenarioNotAvailable",
        "This version lacks the scenario; the drill changed nothing.",
    )


class Outcome(Documented):
    """How a run, one dimension of it, or an export ended."""

    SUCCEEDED = ("Succeeded", "Everything that was requested was stored.", _NORMAL)
    PARTIAL = ("Partial", "Some data was stored and some is missing; the rest of the report says which.")
    UNKNOWN_SYMBOL = ("UnknownSymbol", "The provider does not know one or more symbols, series or calendars.")
    NO_DATA = ("NoData", "The provider knows the names and has no data in the window.")
    QUARANTINED = (
        "Quarantined",
        "Every delivered row is in quarantine: `emp-runtime quarantine list` shows the rows and why.",
    )
    PROVIDER_FAILED = ("ProviderFailed", "The provider failed.")
    RATE_LIMITED = ("RateLimited", "The provider limited requests; the next run requests the rest first.")
    PARTIAL_ANSWER = (
        "PartialAnswer",
        "The provider's answer broke off or lacks a part of the window; the rows in it were stored.",
    )
    CHANGED_SHAPE = (
        "ChangedShape",
        "The provider's answer does not have the form that this version reads: it is a page "
        "instead of data, or lacks a field.",
    )
    TIMED_OUT = ("TimedOut", "The provider did not answer in time.")
    SERVER_TROUBLE = ("ServerTrouble", "The provider answered with an error of its own.")
    PROVIDER_UNREACHABLE = (
        "ProviderUnreachable",
        "The worker could not connect to the provider: name, network, proxy or certificate.",
    )
    ACCESS_REFUSED = (
        "AccessRefused",
        "The provider refused the key, or the Secret in the spec has none; put a valid key into the Secret.",
    )
    INSECURE_ADDRESS = (
        "InsecureAddress",
        "The provider's address is http:// and the Secret has an api-key; the key was not "
        "sent, because it would cross the network in clear text. Use an https:// address.",
    )
    SAMPLE_DATA_MISSING = ("SampleDataMissing", "Recorded data is missing; run `emp-runtime sample fetch`.")
    INVALID_PLAN = ("InvalidPlan", "The worker's plan does not parse or is not valid.")
    STORE_BUSY = ("StoreBusy", "Another worker held the backbone's lock for longer than the wait.")
    STORE_FAILED = ("StoreFailed", "The store refused the rows.")
    STORE_INACCESSIBLE = ("StoreInaccessible", "The system denied access to the store; no file was moved.")
    UNKNOWN_ENTRY = ("UnknownEntry", "The quarantine has no entry with a given id; nothing was changed.")
    STORE_UNREACHABLE = (
        "StoreUnreachable",
        "The worker could not connect to the database, or lost the connection; the next run catches up.",
    )
    STORE_FULL = ("StoreFull", "The database has no space left.")
    STORE_READ_ONLY = ("StoreReadOnly", "The database does not accept writes: it is a replica, or read-only.")
    VOLUME_FULL = ("VolumeFull", "The volume has no space left.")
    VOLUME_READ_ONLY = ("VolumeReadOnly", "The volume does not accept writes.")
    QUERY_FAILED = ("QueryFailed", "An export could not read the store; the last whole export is untouched.")
    TARGET_FULL = ("TargetFull", "The target has too little space for the export.")
    TARGET_MISSING = ("TargetMissing", "The target of an export, a claim or a folder, does not exist.")
    TARGET_TAKEN = ("TargetTaken", "The target belongs to another plan.")
    TARGET_FAILED = ("TargetFailed", "The target does not accept files, or the system refused a call.")
    SUPERSEDED = ("Superseded", "Another export of the name committed first; it changed nothing.", _NORMAL)
    DIED_WITHOUT_MESSAGE = ("DiedWithoutMessage", "The worker ended and left no report.")
    OUT_OF_MEMORY = ("OutOfMemory", "The worker exceeded its memory limit and was killed.")
    EVICTED = ("Evicted", "The node evicted the worker's pod.")
    IMAGE_PULL_FAILED = ("ImagePullFailed", "The worker's image cannot be pulled.")
    POD_REFUSED = (
        "PodRefused",
        "The API server refused the worker's pod: a quota, a limit range or an admission "
        "policy; the message quotes its answer.",
    )
    UNSCHEDULABLE = ("Unschedulable", "The scheduler found no node for the worker's pod.")
    CONTAINER_NOT_STARTED = ("ContainerNotStarted", "The kubelet could not start the worker's container.")
    DEADLINE_EXCEEDED = ("DeadlineExceeded", "The run exceeded spec.worker.deadlineSeconds and was stopped.")
    STOPPED = ("Stopped", "The worker was asked to stop before the run ended.")
    NOT_IN_FORCE = (
        "NotInForce",
        "An operator of another version manages the plan's schedule; this run left its fire to "
        "that operator.",
    )
    INTERNAL_ERROR = ("InternalError", "A bug in the worker: its log has the traceback; please report it.")
    JOB_VANISHED = ("JobVanished", "The run's Job, or its pod, was deleted before its outcome was read.")
