/**
 * Lets a role write the trail that may do nothing but insert: the partition of a month is made with the rights of the
 * owner, for months around the present only, else whoever may call it could fill the catalogue.
 */
export const AUDIT_WRITERS = `
CREATE OR REPLACE FUNCTION make_audit_month(in_month timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET "TimeZone" TO 'UTC' AS $$
DECLARE first timestamptz := date_trunc('month', in_month); name text := to_char(first, '"audit_"YYYY_MM');
  present timestamptz := to_timestamp(clock_ms() / 1000.0);
BEGIN
  -- By its full name: a temporary table of the caller may have the same one.
  IF isfinite(in_month) AND to_regclass(format('%I.%I', current_schema(), name)) IS NOT NULL THEN RETURN; END IF;
  IF in_month NOT BETWEEN present - interval '10 years' AND present + interval '100 days' THEN
    RAISE EXCEPTION 'no month of the audit trail is made at %, which is far from the present: %', in_month, present;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || name, 1));
  EXECUTE format('CREATE TABLE IF NOT EXISTS %I.%I PARTITION OF %I.audit_record FOR VALUES FROM (%L) TO (%L)',
    current_schema(), name, current_schema(), first, first + interval '1 month');
END $$;
REVOKE ALL ON FUNCTION make_audit_month(timestamptz) FROM PUBLIC;
`;
