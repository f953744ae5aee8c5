/**
 * Tables of the ledger. A limit is a `limit_cell`, locked by whoever counts in it; ids are SHA-256 digests, so a key of
 * any length and any Unicode fits an index. Times are epoch ms of the server.
 */
export const LEDGER_TABLES = `
CREATE FUNCTION clock_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
  $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- What windows, holds and documents count by. Names nothing of this schema: it is called from outside too.
CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
  $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE TABLE limit_cell (
  id bytea PRIMARY KEY,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('log', 'buckets', 'calendar', 'lifetime')),
  window_ms bigint CHECK (window_ms > 0),
  unit text CHECK (unit IN ('day', 'month')),
  time_zone text,
  used bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0,
  -- Grows with every reset: what was counted before must not be taken back afterwards.
  epoch bigint NOT NULL DEFAULT 0,
  has_grants boolean NOT NULL DEFAULT false,
  -- Of a calendar window.
  period_start_ms bigint NOT NULL DEFAULT 0,
  period_end_ms bigint NOT NULL DEFAULT 0,
  -- No slot before this one holds anything; no hold is due before that.
  oldest_slot bigint,
  next_due_ms bigint,
  -- The latest time anything was counted by: a clock that steps back neither refills nor freezes a window.
  seen_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What was used within a sliding window: by the millisecond ('log'), or by sixtieths of the window ('buckets').
CREATE TABLE limit_usage (
  cell bytea NOT NULL,
  slot bigint NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (cell, slot)
) WITH (fillfactor = 80);

CREATE TABLE limit_grant (
  cell bytea NOT NULL,
  amount bigint NOT NULL,
  until_ms bigint
);
CREATE INDEX limit_grant_cell ON limit_grant (cell);

-- One limit's part of a reservation; after its time it stays for a day, so that a late end still finds it.
CREATE TABLE held_item (
  hold bytea NOT NULL,
  position int NOT NULL,
  cell bytea NOT NULL,
  amount bigint NOT NULL,
  at_ms bigint NOT NULL,
  due_ms bigint NOT NULL,
  -- A call is an event and counts at once; amounts are held and count when they are settled.
  is_event boolean NOT NULL,
  -- What becomes of it when its time is up: charged, or given back.
  is_charged boolean NOT NULL,
  is_expired boolean NOT NULL DEFAULT false,
  epoch bigint NOT NULL,
  -- The soft breach that was reported for it.
  is_breached boolean NOT NULL,
  retry_after_ms bigint,
  PRIMARY KEY (hold, position)
) WITH (fillfactor = 80);
CREATE INDEX held_item_due ON held_item (cell, is_expired, due_ms);
`;
