-- Tables for Gyre's outputs, version 1. Apply once to the database that Gyre is to write to:
--
--   psql "$DATABASE" -v ON_ERROR_STOP=1 -1 -f deploy/postgres/gyre.sql
--
-- A table holds the rows that stand now, the same as the files and topics of the same names. Gyre changes them and
-- gyre.progress in one transaction, so what a reader sees in one snapshot is the books at progress.tick:
--
--   BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT tick FROM gyre.progress; SELECT … ; COMMIT;
--
-- Text cannot hold U+0000 here. Where a record's text does, it is stored as U+F000 '0', and U+F000 itself as U+F000 'F'.

CREATE SCHEMA gyre;
COMMENT ON SCHEMA gyre IS 'The books of Gyre: written by it alone, read by anybody who may';

CREATE TABLE gyre.version (
    version integer NOT NULL
);
COMMENT ON TABLE gyre.version IS 'Version of these tables; Gyre refuses others than its own';
INSERT INTO gyre.version VALUES (1);

CREATE TABLE gyre.progress (
    job         text   PRIMARY KEY,
    job_id      text   NOT NULL,
    generation  bigint NOT NULL,
    tick        bigint,
    digest      text,
    CHECK ((tick IS NULL) = (digest IS NULL))
);
COMMENT ON TABLE  gyre.progress IS 'How far the tables are: one row for the job that writes them';
COMMENT ON COLUMN gyre.progress.job IS 'Name of the job';
COMMENT ON COLUMN gyre.progress.job_id IS 'Tells it from another of the same name';
COMMENT ON COLUMN gyre.progress.generation IS 'Number of its start: of two, the later one may write and the earlier one may not';
COMMENT ON COLUMN gyre.progress.tick IS 'Everything through this tick is in the tables, and nothing after it; null before the first';
COMMENT ON COLUMN gyre.progress.digest IS 'SHA-256 of all changes through that tick, hexadecimal';

CREATE TABLE gyre.balances (
    tenant      text    NOT NULL,
    account     text    NOT NULL,
    currency    text    NOT NULL,
    wallet      text    NOT NULL,
    balance     numeric NOT NULL,
    PRIMARY KEY (tenant, account, currency, wallet)
);
COMMENT ON TABLE  gyre.balances IS 'What every account holds; the accounts @house, @cashier and @adjustments too';
COMMENT ON COLUMN gyre.balances.wallet IS 'cash, or held: payouts that are on hold';
COMMENT ON COLUMN gyre.balances.balance IS 'Sum of its postings, with exactly the digits of the currency';

CREATE TABLE gyre.rtp (
    tenant      text    NOT NULL,
    provider    text    NOT NULL,
    game        text    NOT NULL,
    currency    text    NOT NULL,
    "window"    text    NOT NULL,
    stake       numeric NOT NULL,
    payout      numeric NOT NULL,
    wagers      bigint  NOT NULL,
    open_wagers bigint  NOT NULL,
    open_stake  numeric NOT NULL,
    rtp_actual  numeric,
    z           numeric,
    in_band     boolean,
    PRIMARY KEY (tenant, provider, game, currency, "window")
);
COMMENT ON TABLE  gyre.rtp IS 'What every game paid back (RTP), by window';
COMMENT ON COLUMN gyre.rtp."window" IS 'all, hour:2026-01-01T05:00:00Z, or day:2026-01-01 in the gaming day''s zone';
COMMENT ON COLUMN gyre.rtp.wagers IS 'Settled wagers; free rounds are in no column';
COMMENT ON COLUMN gyre.rtp.z IS 'Deviation from the theoretical rate; null without a volatility';
COMMENT ON COLUMN gyre.rtp.in_band IS 'Whether |z| is within the band';

CREATE TABLE gyre.wager_states (
    tenant           text    NOT NULL,
    provider         text    NOT NULL,
    wager_id         text    NOT NULL,
    account          text    NOT NULL,
    game             text    NOT NULL,
    round            text,
    currency         text    NOT NULL,
    stake            numeric NOT NULL,
    at_ms            bigint  NOT NULL,
    state            text    NOT NULL,
    payout           numeric,
    settled_at_ms    bigint,
    wager_revision   bigint  NOT NULL,
    outcome_revision bigint,
    PRIMARY KEY (tenant, provider, wager_id)
);
COMMENT ON TABLE  gyre.wager_states IS 'Where every wager stands';
COMMENT ON COLUMN gyre.wager_states.state IS 'open, settled or cancelled';
COMMENT ON COLUMN gyre.wager_states.payout IS 'Sum of the standing settles; null unless settled';
COMMENT ON COLUMN gyre.wager_states.at_ms IS 'When it was placed, milliseconds since 1970 UTC like every *_ms';

CREATE TABLE gyre.rejects (
    topic       text NOT NULL,
    tenant      text NOT NULL,
    provider    text NOT NULL,
    id          text,
    cause       text NOT NULL,
    digest      text NOT NULL,
    position    text NOT NULL,
    raw         bytea
);
-- An id is never empty, so that null has a place in the key.
CREATE UNIQUE INDEX rejects_key ON gyre.rejects (digest, cause, topic, tenant, provider, (coalesce(id, '')));
COMMENT ON TABLE  gyre.rejects IS 'Records set aside, each with its cause';
COMMENT ON COLUMN gyre.rejects.id IS 'Null where it could not be read';
COMMENT ON COLUMN gyre.rejects.digest IS 'SHA-256 of the record''s canonical content, or of its bytes where it has none';
COMMENT ON COLUMN gyre.rejects.position IS 'Where it came from: file:line, or topic/partition/offset';
COMMENT ON COLUMN gyre.rejects.raw IS 'Its bytes as received: convert_from(raw, ''UTF8'') where they are text; null of records that once stood';

CREATE TABLE gyre.recollect (
    topic       text   NOT NULL,
    tenant      text   NOT NULL,
    provider    text   NOT NULL,
    id          text,
    digest      text   NOT NULL,
    attempt     bigint NOT NULL,
    cause       text   NOT NULL,
    due_ms      bigint NOT NULL
);
CREATE UNIQUE INDEX recollect_key ON gyre.recollect (digest, attempt, topic, tenant, provider, (coalesce(id, '')));
COMMENT ON TABLE  gyre.recollect IS 'Requests to the provider to send a record again; they stand while its fault does';

CREATE TABLE gyre.quarantine (
    topic       text   NOT NULL,
    tenant      text   NOT NULL,
    provider    text   NOT NULL,
    id          text,
    digest      text   NOT NULL,
    cause       text   NOT NULL,
    attempts    bigint NOT NULL,
    history     jsonb  NOT NULL,
    raw         bytea
);
CREATE UNIQUE INDEX quarantine_key ON gyre.quarantine (digest, topic, tenant, provider, (coalesce(id, '')));
COMMENT ON TABLE  gyre.quarantine IS 'Failed records that neither time nor their provider mended; they are in rejects too';
COMMENT ON COLUMN gyre.quarantine.history IS 'Every verdict with its tick and attempt';

CREATE TABLE gyre.anomalies (
    kind        text  NOT NULL,
    tenant      text  NOT NULL,
    subject     text  NOT NULL,
    severity    text  NOT NULL,
    evidence    jsonb NOT NULL,
    at_ms       bigint,
    rule        text  NOT NULL,
    PRIMARY KEY (kind, tenant, subject)
);
COMMENT ON TABLE  gyre.anomalies IS 'What looks wrong now; rows are withdrawn when it no longer does';
COMMENT ON COLUMN gyre.anomalies.evidence IS 'The figures that explain it; money as text, so that no digit is lost';

CREATE TABLE gyre.postings (
    tenant      text    NOT NULL,
    entry       text    NOT NULL,
    leg         bigint  NOT NULL,
    account     text    NOT NULL,
    wallet      text    NOT NULL,
    currency    text    NOT NULL,
    amount      numeric NOT NULL,
    source      text    NOT NULL,
    PRIMARY KEY (tenant, entry, leg)
);
COMMENT ON TABLE gyre.postings IS 'Every leg of every entry, if the config asks for it; the legs of an entry sum to zero';

CREATE TABLE gyre.decisions (
    tenant      text   NOT NULL,
    provider    text   NOT NULL,
    command_id  text   NOT NULL,
    kind        text   NOT NULL,
    target      text   NOT NULL,
    actor       text   NOT NULL,
    reason      text   NOT NULL,
    at_ms       bigint NOT NULL,
    tick        bigint NOT NULL,
    before      text   NOT NULL,
    after       text   NOT NULL,
    PRIMARY KEY (tenant, provider, command_id)
);
COMMENT ON TABLE gyre.decisions IS 'What commands did: how their target stood before, and stands after';
