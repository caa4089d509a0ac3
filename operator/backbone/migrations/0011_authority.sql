-- Whose the database is: one backbone's, which no other one takes without a word. Its mark tells this database from
-- another one that the same backbone had, or comes to have.

CREATE TABLE telemetry.authority (
    only_one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_one),
    cluster TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    mark UUID NOT NULL DEFAULT gen_random_uuid(),
    since TIMESTAMPTZ NOT NULL DEFAULT now()
);
