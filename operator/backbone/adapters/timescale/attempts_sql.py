"""The journal's statements in PostgreSQL on how names fared last, by backbone, plan and dimension.

An attempt finds its backbone by the number of its run. Values are always bound.
"""

from __future__ import annotations

_OF_THE_PLAN = """
    SELECT other."sequence" FROM telemetry.ingest_runs AS other
    JOIN telemetry.ingest_runs AS own ON own.backbone = other.backbone AND own.plan = other.plan
    WHERE own."sequence" = %(sequence)s
"""
YOUNGER_ATTEMPTS = f"""
    SELECT EXISTS (SELECT FROM telemetry.ingest_attempts WHERE dimension = %(dimension)s
                   AND "sequence" > %(sequence)s AND "sequence" IN ({_OF_THE_PLAN}))
"""  # noqa: S608
"""Whether a run that began after this one has told already how their plan fares."""
FORGET_ATTEMPTS = f"""
    DELETE FROM telemetry.ingest_attempts WHERE dimension = %(dimension)s AND "sequence" IN ({_OF_THE_PLAN})
      AND (%(rest)s::boolean OR subject = ANY(%(subjects)s::text[]))
"""  # noqa: S608
KEEP_ATTEMPTS = """
    INSERT INTO telemetry.ingest_attempts (plan, dimension, subject, provider, "sequence", outcome)
    SELECT run.plan, %s, item.subject, item.provider, run."sequence", item.outcome
    FROM telemetry.ingest_runs AS run
    CROSS JOIN unnest(%s::text[], %s::text[], %s::text[]) AS item (subject, provider, outcome)
    WHERE run."sequence" = %s
"""
MISSED = """
    WITH own AS (
        SELECT attempt.subject, attempt.outcome, attempt."sequence" FROM telemetry.ingest_attempts AS attempt
        JOIN telemetry.ingest_runs AS run ON run."sequence" = attempt."sequence"
        WHERE run.plan = %s AND attempt.dimension = %s AND run.backbone = %s
    )
    SELECT subject FROM own WHERE CASE WHEN %s::text IS NULL
        THEN outcome <> %s OR "sequence" < (SELECT max("sequence") FROM own) ELSE outcome = %s::text END
"""
LAST_ATTEMPTS = """
    WITH last AS (
        SELECT DISTINCT ON (backbone, plan) backbone, plan, "sequence", outcome FROM telemetry.ingest_runs
        WHERE outcome IS NOT NULL ORDER BY backbone, plan, "sequence" DESC
    )
    SELECT attempt.subject, arrival.source, attempt.plan, attempt."sequence", attempt.outcome,
           last."sequence" AS plan_sequence, last.outcome AS plan_outcome, run.backbone
    FROM telemetry.ingest_attempts AS attempt
    JOIN telemetry.ingest_runs AS run ON run."sequence" = attempt."sequence"
    JOIN last ON last.backbone = run.backbone AND last.plan = run.plan
    JOIN (SELECT DISTINCT dimension, source, provider FROM telemetry.ingest_arrivals) AS arrival
      ON arrival.dimension = attempt.dimension AND arrival.provider = attempt.provider
    WHERE attempt.dimension = %s AND attempt.subject = ANY(%s::text[])
    ORDER BY attempt.subject, arrival.source, attempt."sequence"
"""
