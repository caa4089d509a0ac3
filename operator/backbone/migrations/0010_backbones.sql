-- Whose plan ran: plans of two backbones may have one name. Empty for runs of earlier versions, until the plan of this name
-- that runs next takes them for its own. Releases from quarantine have a name that no plan can have.

ALTER TABLE telemetry.ingest_runs ADD COLUMN backbone TEXT COLLATE "C" NOT NULL DEFAULT '';

UPDATE telemetry.ingest_runs SET plan = '(quarantine)' WHERE plan = 'quarantine' AND message IN ('release', 'expire');
