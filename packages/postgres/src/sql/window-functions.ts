/**
 * The arithmetic of one limit's window. Each function takes a locked cell and gives it back changed; its slots are rows.
 * An exact log counts up to 1,000 calls, beyond it 60+1 buckets, of which the oldest counts whole: neither ever lets
 * more than the limit into any stretch of the window's length.
 */
export const WINDOW_FUNCTIONS = `
-- Calendar periods by the server's own time zones. A setting, not AT TIME ZONE: that would take CET for an abbreviation
-- without summer time, and the second of two midnights for the start of a day.
CREATE FUNCTION period_name(at_s bigint, format text) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT to_char(to_timestamp(at_s), format) $$;

CREATE FUNCTION calendar_period(unit text, zone text, at_ms bigint, OUT start_ms bigint, OUT end_ms bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT SET "TimeZone" TO 'UTC' AS $$
DECLARE
  format text := CASE unit WHEN 'day' THEN 'YYYYMMDD' ELSE 'YYYYMM' END;
  reach bigint := CASE unit WHEN 'day' THEN 50 * 3600 ELSE 33 * 86400 END;
  at_s bigint := at_ms / 1000;
  low bigint; high bigint; middle bigint; name text;
BEGIN
  PERFORM set_config('TimeZone', zone, true);
  name := period_name(at_s, format);
  low := at_s - reach; high := at_s;
  WHILE high - low > 1 LOOP
    middle := (low + high) / 2;
    IF period_name(middle, format) = name THEN high := middle; ELSE low := middle; END IF;
  END LOOP;
  start_ms := high * 1000;
  low := at_s; high := at_s + reach;
  WHILE high - low > 1 LOOP
    middle := (low + high) / 2;
    IF period_name(middle, format) = name THEN low := middle; ELSE high := middle; END IF;
  END LOOP;
  end_ms := high * 1000;
END $$;

CREATE FUNCTION slot_of(c limit_cell, at_ms bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE (c).kind WHEN 'buckets' THEN at_ms * 60 / (c).window_ms ELSE at_ms END $$;

-- The first slot that still counts.
CREATE FUNCTION first_slot(c limit_cell, now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE (c).kind WHEN 'buckets' THEN now * 60 / (c).window_ms - 60 ELSE now - (c).window_ms + 1 END $$;

-- Lets what has left the window go.
CREATE FUNCTION cell_advance(c limit_cell, now bigint) RETURNS limit_cell LANGUAGE plpgsql AS $$
DECLARE gone bigint;
BEGIN
  IF c.kind = 'calendar' THEN
    IF now >= c.period_end_ms THEN
      SELECT p.start_ms, p.end_ms INTO c.period_start_ms, c.period_end_ms
        FROM calendar_period(c.unit, c.time_zone, now) p;
      c.used := 0;
    END IF;
  ELSIF c.oldest_slot < first_slot(c, now) THEN
    WITH old AS (DELETE FROM limit_usage WHERE cell = c.id AND slot < first_slot(c, now) RETURNING amount)
      SELECT coalesce(sum(amount), 0) INTO gone FROM old;
    c.used := c.used - gone;
    SELECT min(slot) INTO c.oldest_slot FROM limit_usage WHERE cell = c.id;
  END IF;
  RETURN c;
END $$;

-- A log that would overflow (a raised limit, a soft one that is overrun) becomes buckets.
CREATE FUNCTION cell_to_buckets(c limit_cell) RETURNS limit_cell LANGUAGE plpgsql AS $$
DECLARE slots bigint[]; amounts bigint[];
BEGIN
  c.kind := 'buckets';
  SELECT array_agg(s.slot), array_agg(s.amount) INTO slots, amounts FROM (
    SELECT slot_of(c, u.slot) AS slot, sum(u.amount)::bigint AS amount
    FROM limit_usage u WHERE u.cell = c.id GROUP BY 1) s;
  DELETE FROM limit_usage WHERE cell = c.id;
  INSERT INTO limit_usage (cell, slot, amount) SELECT c.id, s.slot, s.amount FROM unnest(slots, amounts) s(slot, amount);
  SELECT min(slot) INTO c.oldest_slot FROM limit_usage WHERE cell = c.id;
  RETURN c;
END $$;

CREATE FUNCTION cell_use(c limit_cell, much bigint, at_ms bigint, now bigint) RETURNS limit_cell
LANGUAGE plpgsql AS $$
DECLARE in_slot bigint;
BEGIN
  IF much <= 0 THEN RETURN c; END IF;
  IF c.kind = 'log' AND c.used + much > 1000 THEN c := cell_to_buckets(c); END IF;
  IF c.kind IN ('log', 'buckets') THEN
    in_slot := slot_of(c, at_ms);
    IF in_slot < first_slot(c, now) THEN RETURN c; END IF;
    INSERT INTO limit_usage AS u (cell, slot, amount) VALUES (c.id, in_slot, much)
      ON CONFLICT (cell, slot) DO UPDATE SET amount = u.amount + excluded.amount;
    c.oldest_slot := least(c.oldest_slot, in_slot);
  ELSIF c.kind = 'calendar' AND at_ms < c.period_start_ms THEN
    RETURN c;
  END IF;
  c.used := c.used + much;
  RETURN c;
END $$;

-- Takes back what was used at a time, as far as it still counts.
CREATE FUNCTION cell_unuse(c limit_cell, much bigint, at_ms bigint, now bigint) RETURNS limit_cell
LANGUAGE plpgsql AS $$
DECLARE in_slot bigint; taken bigint;
BEGIN
  IF much <= 0 THEN RETURN c; END IF;
  IF c.kind IN ('log', 'buckets') THEN
    in_slot := slot_of(c, at_ms);
    SELECT least(much, u.amount) INTO taken FROM limit_usage u WHERE u.cell = c.id AND u.slot = in_slot;
    IF taken IS NULL THEN RETURN c; END IF;
    UPDATE limit_usage u SET amount = u.amount - taken WHERE u.cell = c.id AND u.slot = in_slot;
    c.used := c.used - taken;
  ELSIF c.kind = 'lifetime' OR at_ms >= c.period_start_ms THEN
    c.used := c.used - least(much, c.used);
  END IF;
  RETURN c;
END $$;

-- Milliseconds until so much of what is used has left the window; null when it never will.
CREATE FUNCTION cell_free_after(c limit_cell, wanted bigint, now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found_slot bigint;
BEGIN
  IF wanted > c.used OR c.kind = 'lifetime' THEN RETURN NULL; END IF;
  IF c.kind = 'calendar' THEN RETURN c.period_end_ms - now; END IF;
  SELECT s.slot INTO found_slot FROM (
    SELECT u.slot, sum(u.amount) OVER (ORDER BY u.slot) AS freed FROM limit_usage u WHERE u.cell = c.id) s
    WHERE s.freed >= wanted ORDER BY s.slot LIMIT 1;
  IF c.kind = 'log' THEN RETURN found_slot + c.window_ms - now; END IF;
  RETURN greatest(0, ((found_slot + 61) * c.window_ms + 59) / 60 - now);
END $$;
`;
