"""Objects that the API takes and refuses: one table for the models and for a real API server.

`model` and `server` are fragments of the two refusals; what is accepted has neither. A refusal without
`model` is the API server's alone: the only such rules are those that need the object's past.
"""

from __future__ import annotations

import export_examples
import institutional_examples
import kafka_examples
import pod_examples
from example_objects import (
    DAILY,
    PATTERN,
    UNKNOWN,
    Example,
    backbone,
    daily,
    drill,
    plan,
    resources,
    series,
    storage,
    without_spec,
)

COUNTLESS = "the API server cannot count more"
SHRUNK = "a volume only grows"
MOVED = "a volume stays in its class"
BAD_NAME = "metadata.name becomes a label value"
BAD_SCHEDULE = "schedule needs five cron fields"
NEEDS_KEY = "Fred needs connection.secretName"

ACCEPTED = (
    *export_examples.ACCEPTED,
    *institutional_examples.ACCEPTED,
    *kafka_examples.ACCEPTED,
    *pod_examples.ACCEPTED,
    Example("an empty spec is a bootstrap backbone", backbone({})),
    Example("an explicit tier", backbone({"mode": "Bootstrap"})),
    Example("suspended, and its data goes with it", backbone({"suspend": True, "deletionPolicy": "Delete"})),
    Example("a size with a fraction", storage(size="1.5Gi")),
    Example("a decimal unit", storage(size="10G")),
    Example("the smallest size", storage(size="1Mi")),
    Example("the largest size", storage(size="8191Pi")),
    Example("a storage class with dots", storage(storageClassName="fast.csi.example.com")),
    Example("an empty section takes its defaults", backbone({"bootstrap": {"storage": {}}})),
    Example("null is absent", backbone({"mode": None, "bootstrap": None})),
    Example("the longest name", backbone({}, name="a" * 63)),
    Example("a volume that grows", storage(size="2Gi"), before=storage(size="1Gi")),
    Example("the same size in another unit", storage(size="1024Mi"), before=storage(size="1Gi")),
    Example("a mode that changes", backbone({"mode": "Bootstrap"}), before=backbone({"mode": "Auto"})),
    Example("daily bars", plan()),
    Example("a thousand symbols", daily(symbols=[f"S{number}" for number in range(1000)])),
    Example("symbols of indices, classes and futures", daily(symbols=["^GSPC", "BRK-B", "ES=F", "7203.T"])),
    Example("symbols with an ampersand and a slash", daily(symbols=["M&M.NS", "J&KBANK.NS", "BTC/USDT"])),
    Example("a lookback of one day", daily(lookbackDays=1)),
    Example("a dimension that may be missing", daily(required=False)),
    Example(
        "bars of five minutes",
        plan(intradayBars={"provider": "Sample", "symbols": ["ES"], "intervalSeconds": 300}),
    ),
    Example("bars from Yahoo", daily(provider="Yahoo")),
    Example("bars from Yahoo behind a proxy", daily(provider="Yahoo", connection={"secretName": "proxy.eu"})),
    Example(
        "the calendar of a country",
        plan(macroEvents={"provider": "Yahoo", "calendars": ["US"], "required": False}),
    ),
    Example("series from Fred", series(provider="Fred", connection={"secretName": "fred"})),
    Example(
        "series from a mirror of Fred",
        series(
            provider="Fred", connection={"secretName": "fred", "baseUrl": "https://fred.example.com/fred"}
        ),
    ),
    Example(
        "every other dimension alone",
        plan(
            dailyBars=None,
            intradayTrades={"provider": "Sample", "symbols": ["ES"]},
            macroSeries={"provider": "Sample", "series": ["core_cpi"]},
            macroEvents={"provider": "Sample", "calendars": ["FOMC"]},
        ),
    ),
    Example("a macro", plan(schedule="@daily")),
    Example("names, lists, ranges and steps", plan(schedule="*/15 8-16/2,20 1,15 JAN-mar MON-FRI")),
    Example("single digits and leading zeros", plan(schedule="5 07 01 6 0")),
    Example("more than one space", plan(schedule="0  22 * *  *")),
    Example("a day that never comes is for the operator to say", plan(schedule="0 0 30 2 *")),
    Example("a zone", plan(timeZone="America/Argentina/Buenos_Aires")),
    Example("a zone that does not exist is for the operator to say", plan(timeZone="Mars/Olympus_Mons")),
    Example("a worker of one's own", plan(worker={"image": "registry.example.com/team/worker:1.2"})),
    Example("an impatient worker", plan(worker={"deadlineSeconds": 30, "storeWaitSeconds": 0})),
    Example("requests up to the limits", resources({"cpu": "500m"}, {"cpu": "0.5", "memory": "1Gi"})),
    Example("requests without limits", resources({"cpu": "2", "memory": "1Gi"}, None)),
    Example("another schedule", plan(schedule="@hourly"), before=plan()),
    Example("a drill", drill()),
    Example("a drill applied twice", drill(), before=drill()),
)

REJECTED = (
    *export_examples.REJECTED,
    *institutional_examples.REJECTED,
    *kafka_examples.REJECTED,
    *pod_examples.REJECTED,
    Example("no spec", without_spec(backbone({})), "valid dictionary", "spec: Required value"),
    Example("a null spec", backbone(None), "valid dictionary", "spec: Required value"),
    Example(
        "an unknown mode", backbone({"mode": "Cluster"}), "'Auto', 'Bootstrap'", "spec.mode: Unsupported"
    ),
    Example(
        "a mode in lower case", backbone({"mode": "auto"}), "'Auto', 'Bootstrap'", "spec.mode: Unsupported"
    ),
    Example("an unknown field", backbone({"tier": "Bootstrap"}), UNKNOWN, 'unknown field "spec.tier"'),
    Example(
        "a section that does not work yet", backbone({"spark": {}}), UNKNOWN, 'unknown field "spec.spark"'
    ),
    Example("an unknown field inside", storage(path="/x"), UNKNOWN, 'field "spec.bootstrap.storage.path"'),
    Example(
        "a field in the model's own spelling",
        backbone({"deletion_policy": "Delete"}),
        UNKNOWN,
        'unknown field "spec.deletion_policy"',
    ),
    Example("a switch as text", backbone({"suspend": "true"}), "valid boolean", "must be of type boolean"),
    Example(
        "a policy of another kind", backbone({"deletionPolicy": "Keep"}), "'Retain'", "Unsupported value"
    ),
    Example("a size in words", storage(size="ten gigabytes"), PATTERN, "should match"),
    Example("a negative size", storage(size="-1Gi"), PATTERN, "should match"),
    Example("a size as a number", storage(size=10), "valid string", "must be of type string"),
    Example("a size without its unit", storage(size="10"), "is the unit missing", "is the unit missing"),
    Example("no size at all", storage(size="0Gi"), "is the unit missing", "is the unit missing"),
    Example("a size that no API server can count", storage(size="9000Pi"), COUNTLESS, COUNTLESS),
    Example("a size of 8Ei", storage(size="8192Pi"), COUNTLESS, COUNTLESS),
    Example("a size beyond measure", storage(size="9" * 19 + "Pi"), "at most 20 characters", "Too long"),
    Example("a storage class that is no name", storage(storageClassName="Fast SSD"), PATTERN, "should match"),
    Example("a name with a dot", backbone({}, name="my.market"), PATTERN, BAD_NAME),
    Example("a name of 64 characters", backbone({}, name="a" * 64), "at most 63 characters", BAD_NAME),
    Example("a name in capitals", backbone({}, name="Market"), PATTERN, "lowercase RFC 1123"),
    Example("a volume that shrinks", storage(size="1Gi"), "", SHRUNK, before=storage(size="2Gi")),
    Example("a size that falls back to its default", storage(), "", SHRUNK, before=storage(size="2Gi")),
    Example("a section that is dropped", backbone({}), "", SHRUNK, before=storage(size="2Gi")),
    Example(
        "another storage class",
        storage(storageClassName="slow"),
        "",
        MOVED,
        before=storage(storageClassName="fast"),
    ),
    Example("a storage class later", storage(storageClassName="fast"), "", MOVED, before=storage()),
    Example("a storage class no more", storage(), "", MOVED, before=storage(storageClassName="fast")),
    Example("no backboneRef", plan(backboneRef=None), "backboneRef: Field required", "backboneRef: Required"),
    Example(
        "a reference without a name", plan(backboneRef={}), "name: Field required", "name: Required value"
    ),
    Example(
        "a reference to no name", plan(backboneRef={"name": ""}), "at least 1 character", "at least 1 chars"
    ),
    Example("a reference that is no name", plan(backboneRef={"name": "My Market"}), PATTERN, "should match"),
    Example(
        "a reference to another namespace",
        plan(backboneRef={"name": "market", "namespace": "other"}),
        UNKNOWN,
        'unknown field "spec.backboneRef.namespace"',
    ),
    Example(
        "another backbone",
        plan(backboneRef={"name": "other"}),
        "",
        "create a new IngestPlan for the other backbone",
        before=plan(),
    ),
    Example(
        "no dimension", plan(dailyBars=None), "name at least one dimension", "name at least one dimension"
    ),
    Example(
        "an unknown dimension",
        plan(weeklyBars=DAILY),
        UNKNOWN,
        'unknown field "spec.weeklyBars"',
    ),
    Example(
        "a dimension that is a list", plan(dailyBars=["AAPL"]), "valid dictionary", "must be of type object"
    ),
    Example(
        "an unknown provider",
        daily(provider="Bloomberg"),
        "should be 'Sample' or 'Yahoo'",
        'supported values: "Sample", "Yahoo"',
    ),
    Example(
        "bars from a provider of series",
        daily(provider="Fred"),
        "should be 'Sample' or 'Yahoo'",
        'supported values: "Sample", "Yahoo"',
    ),
    Example(
        "trades from a provider of bars",
        plan(intradayTrades={"provider": "Yahoo", "symbols": ["ES"]}),
        "should be 'Sample'",
        'supported values: "Sample"',
    ),
    Example("Fred without a connection", series(provider="Fred"), NEEDS_KEY, NEEDS_KEY),
    Example(
        "recorded data with a connection",
        daily(connection={"secretName": "proxy"}),
        "Sample needs no connection",
        "Sample needs no connection",
    ),
    Example(
        "a connection without a Secret",
        series(provider="Fred", connection={"baseUrl": "https://fred.example.com"}),
        "secretName: Field required",
        "secretName: Required value",
    ),
    Example(
        "a name that no Secret has",
        daily(provider="Yahoo", connection={"secretName": "Proxy_1"}),
        PATTERN,
        "should match",
    ),
    Example(
        "a password in an address",
        series(
            provider="Fred",
            connection={"secretName": "fred", "baseUrl": f"https://{'me:pw'}@fred.example.com"},
        ),
        PATTERN,
        "should match",
    ),
    Example(
        "an address for bars",
        daily(provider="Yahoo", connection={"secretName": "proxy", "baseUrl": "https://yahoo.example.com"}),
        UNKNOWN,
        "unknown field",
    ),
    Example("no provider", daily(provider=None), "provider: Field required", "provider: Required value"),
    Example("no symbol", daily(symbols=[]), "at least 1 item", "at least 1 items"),
    Example("symbols left out", daily(symbols=None), "symbols: Field required", "symbols: Required value"),
    Example(
        "more than a thousand symbols",
        daily(symbols=[f"S{number}" for number in range(1001)]),
        "at most 1000 items",
        "must have at most 1000 items",
    ),
    Example(
        "a symbol twice", daily(symbols=["AAPL", "AAPL"]), "named twice: AAPL", 'Duplicate value: "AAPL"'
    ),
    Example("a symbol in lower case", daily(symbols=["aapl"]), PATTERN, "should match"),
    Example("a symbol with a space", daily(symbols=["AAPL MSFT"]), PATTERN, "should match"),
    Example("a symbol that begins with a slash", daily(symbols=["/ES"]), PATTERN, "should match"),
    Example("a symbol with a question mark", daily(symbols=["A?B"]), PATTERN, "should match"),
    Example("a symbol of 33 characters", daily(symbols=["A" * 33]), "at most 32 characters", "Too long"),
    Example(
        "a symbol that YAML takes for a boolean", daily(symbols=[True]), "valid string", "of type string"
    ),
    Example("one symbol instead of a list", daily(symbols="AAPL"), "valid tuple", "must be of type array"),
    Example(
        "an unknown field of a dimension",
        daily(topic="bars"),
        UNKNOWN,
        'unknown field "spec.dailyBars.topic"',
    ),
    Example(
        "a series twice",
        plan(macroSeries={"provider": "Sample", "series": ["vix", "vix"]}),
        "named twice: vix",
        "Duplicate value",
    ),
    Example(
        "a hundred and one calendars",
        plan(macroEvents={"provider": "Sample", "calendars": [f"c{number}" for number in range(101)]}),
        "at most 100 items",
        "must have at most 100 items",
    ),
    Example(
        "bars of a minute and a second",
        plan(intradayBars={"provider": "Sample", "symbols": ["ES"], "intervalSeconds": 61}),
        "60, 300, 900 or 3600",
        "Unsupported value: 61",
    ),
    Example("no lookback", daily(lookbackDays=0), "greater than or equal to 1", "greater than or equal to 1"),
    Example(
        "a lookback of two centuries", daily(lookbackDays=73_000), "36500", "less than or equal to 36500"
    ),
    Example("a lookback as text", daily(lookbackDays="30"), "valid integer", "must be of type integer"),
    Example("half a day of lookback", daily(lookbackDays=1.5), "valid integer", "must be of type integer"),
    Example("no schedule", plan(schedule=None), "schedule: Field required", "schedule: Required value"),
    Example("an empty schedule", plan(schedule=""), "at least 1 character", "at least 1 chars"),
    Example("a schedule in words", plan(schedule="every evening"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a schedule with seconds", plan(schedule="0 0 22 * * 1-5"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a schedule of four fields", plan(schedule="0 22 * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("minute 60", plan(schedule="60 22 * * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("hour 24", plan(schedule="0 24 * * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("day 0", plan(schedule="0 22 0 * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("month 13", plan(schedule="0 22 * 13 *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("weekday 7", plan(schedule="0 22 * * 7"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a step of zero", plan(schedule="*/0 * * * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("an unknown macro", plan(schedule="@fortnightly"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a zone in the schedule", plan(schedule="CRON_TZ=UTC 0 22 * * *"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a schedule on two lines", plan(schedule="0 22 * * *\n"), BAD_SCHEDULE, BAD_SCHEDULE),
    Example("a zone with a space", plan(timeZone="New York"), PATTERN, "should match"),
    Example("a zone that is a path", plan(timeZone="../etc/passwd"), PATTERN, "should match"),
    Example("a zone of 65 letters", plan(timeZone="Z" * 65), "at most 64 characters", "Too long"),
    Example("a hasty deadline", plan(worker={"deadlineSeconds": 29}), "or equal to 30", "or equal to 30"),
    Example("a negative wait", plan(worker={"storeWaitSeconds": -1}), "or equal to 0", "or equal to 0"),
    Example("an image with a space", plan(worker={"image": "worker latest"}), PATTERN, "should match"),
    Example("a processor as a number", resources({"cpu": 1}, None), "valid string", "must be of type string"),
    Example(
        "a resource nobody knows",
        resources({"gpu": "1"}, None),
        UNKNOWN,
        'unknown field "spec.worker.resources.requests.gpu"',
    ),
    Example(
        "more memory asked for than allowed",
        resources({"memory": "2Gi"}, {"memory": "2G"}),
        "requests.memory is above limits.memory",
        "requests.memory is above limits.memory",
    ),
    Example(
        "more processor asked for than allowed",
        resources({"cpu": "1"}, {"cpu": "999m"}),
        "requests.cpu is above limits.cpu",
        "requests.cpu is above limits.cpu",
    ),
    Example("an unknown scenario", drill(scenario="Earthquake"), "'TimescaleOutage'", "Unsupported value"),
    Example(
        "a drill of nothing", drill(scenario=None), "scenario: Field required", "scenario: Required value"
    ),
    Example(
        "a drill of no backbone", drill(backboneRef=None), "Field required", "backboneRef: Required value"
    ),
    Example("an unknown field of a drill", drill(method="Execute"), UNKNOWN, 'unknown field "spec.method"'),
    Example(
        "a drill that changes",
        drill(scenario="KafkaOutage"),
        "",
        "create a new FailoverDrill instead",
        before=drill(),
    ),
)
