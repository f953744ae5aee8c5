/**
 * The audit trail, a partition per month. Every writer has a chain of its own; `line` is the stored line of that chain,
 * the other columns are read out of it for queries.
 */
export const AUDIT_TABLES = `
CREATE TABLE audit_record (
  at timestamptz NOT NULL,
  writer text NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  tenant text,
  agent text,
  effect text,
  line text NOT NULL,
  PRIMARY KEY (writer, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_record_at ON audit_record (at);

-- Where a chain goes on whose first lines were dropped with their month.
CREATE TABLE audit_dropped (
  writer text PRIMARY KEY,
  seq bigint NOT NULL,
  hash text NOT NULL
);

-- Makes the partition of a month (of UTC) that has none.
CREATE FUNCTION make_audit_month(in_month timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT SET "TimeZone" TO 'UTC' AS $$
DECLARE first timestamptz := date_trunc('month', in_month); name text := to_char(first, '"audit_"YYYY_MM');
BEGIN
  IF to_regclass(quote_ident(name)) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || name, 1));
  EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF audit_record FOR VALUES FROM (%L) TO (%L)',
    name, first, first + interval '1 month');
END $$;

-- Drops whole months that ended before a time, and remembers where the chains go on; answers with their names.
CREATE FUNCTION drop_audit_months(before timestamptz) RETURNS text[] LANGUAGE plpgsql
SET search_path FROM CURRENT SET "TimeZone" TO 'UTC' AS $$
DECLARE name text; dropped text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || 'drop_audit_months', 1));
  FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'audit_record'::regclass AND c.relname ~ '^audit_[0-9]{4,}_[0-9]{2}$'
      AND to_timestamp(substr(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
    ORDER BY c.relname
  LOOP
    EXECUTE format('INSERT INTO audit_dropped AS d (writer, seq, hash)
      SELECT DISTINCT ON (writer) writer, seq, substr(line, 10, 64) FROM %I ORDER BY writer, seq DESC
      ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE d.seq < excluded.seq', name);
    EXECUTE format('DROP TABLE %I', name);
    dropped := dropped || name;
  END LOOP;
  RETURN dropped;
END $$;
`;
