/**
 * The one statement a client sends. It takes the ids it concerns, then every limit in the order of ids — all that lock do,
 * so none waits in a circle — and then does its operations in order, all of them at one time.
 */
export const LEDGER_FUNCTIONS = `
-- Ids of holds by an advisory lock: a hold that is not there yet cannot be locked as a row.
CREATE FUNCTION lock_holds(holds bytea[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE lock_key bigint;
BEGIN
  FOR lock_key IN SELECT DISTINCT hashtextextended(current_schema() || encode(h, 'hex'), 0) AS k
    FROM unnest(holds) h ORDER BY k
  LOOP
    PERFORM pg_advisory_xact_lock(lock_key);
  END LOOP;
END $$;

-- Locks limits in key order and makes those that are missing and described; answers with the ids it made.
CREATE FUNCTION lock_cells(ids bytea[], specs jsonb) RETURNS bytea[] LANGUAGE plpgsql AS $$
DECLARE made bytea[] := '{}'; spec jsonb; cell_id bytea;
  missing int := (SELECT count(*) FROM unnest(ids) i WHERE specs ? encode(i, 'hex')
    AND NOT EXISTS (SELECT FROM limit_cell WHERE id = i));
BEGIN
  IF missing = 0 THEN
    PERFORM FROM limit_cell WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
  END IF;
  FOR cell_id IN SELECT DISTINCT i AS k FROM unnest(ids) i
    WHERE missing > 0 OR (specs ? encode(i, 'hex') AND NOT EXISTS (SELECT FROM limit_cell WHERE id = i)) ORDER BY k
  LOOP
    -- Locked first and gone since: making it now would break the order.
    IF missing = 0 THEN RAISE EXCEPTION 'a limit was tidied away meanwhile' USING ERRCODE = 'serialization_failure'; END IF;
    PERFORM FROM limit_cell WHERE id = cell_id FOR UPDATE;
    spec := specs->encode(cell_id, 'hex');
    CONTINUE WHEN FOUND OR spec IS NULL;
    INSERT INTO limit_cell (id, name, kind, window_ms, unit, time_zone)
      VALUES (cell_id, spec->>'name', spec->>'kind', (spec->>'windowMs')::bigint, spec->>'unit', spec->>'timeZone')
      ON CONFLICT DO NOTHING;
    IF FOUND THEN
      made := made || cell_id;
    ELSE
      PERFORM FROM limit_cell WHERE id = cell_id FOR UPDATE;
      IF NOT FOUND THEN RAISE EXCEPTION 'a limit was tidied away meanwhile' USING ERRCODE = 'serialization_failure'; END IF;
    END IF;
  END LOOP;
  RETURN made;
END $$;

CREATE FUNCTION ledger_one(op jsonb, clock bigint, now bigint, ids bytea[], INOUT cells limit_cell[], OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  hold_id bytea := decode(op->>'hold', 'hex');
  at int := array_position(ids, decode(op->>'cell', 'hex'));
  c limit_cell := cells[at];
BEGIN
  result := 'null';
  -- A request that arrives after its caller has given it up must not take anything any more.
  IF clock > (op->>'until')::bigint THEN result := '"late"'; RETURN; END IF;
  IF clock <= (op->>'after')::bigint THEN result := '"early"'; RETURN; END IF;
  CASE op->>'op'
  WHEN 'reserve', 'probe' THEN
    SELECT r.cells, r.answers INTO cells, result
      FROM hold_reserve(hold_id, op, op->>'op' = 'probe', now, ids, cells) r;
  WHEN 'settle' THEN cells := hold_end(hold_id, op->'actuals', now, ids, cells);
  WHEN 'release' THEN cells := hold_end(hold_id, NULL, now, ids, cells);
  WHEN 'renew' THEN cells := hold_renew(hold_id, (op->>'ttl')::bigint, now, ids, cells);
  WHEN 'read' THEN
    result := jsonb_build_object('used', coalesce(c.used, 0), 'held', coalesce(c.held, 0), 'granted', cell_granted(c, now));
  WHEN 'grant' THEN
    INSERT INTO limit_grant (cell, amount, until_ms) VALUES (c.id, (op->>'amount')::bigint,
      CASE c.kind WHEN 'calendar' THEN c.period_end_ms WHEN 'lifetime' THEN NULL ELSE now + c.window_ms END);
    c.has_grants := true;
    cells[at] := c;
  WHEN 'reset' THEN
    IF c.id IS NOT NULL THEN
      DELETE FROM limit_usage WHERE cell = c.id;
      c.used := 0; c.oldest_slot := NULL; c.epoch := c.epoch + 1;
      cells[at] := c;
    END IF;
  END CASE;
END $$;

CREATE FUNCTION ledger(ops jsonb, specs jsonb) RETURNS jsonb LANGUAGE plpgsql
SET search_path FROM CURRENT SET lock_timeout TO '4s' AS $$
DECLARE
  holds bytea[] := ARRAY(SELECT decode(o->>'hold', 'hex') FROM jsonb_array_elements(ops) o WHERE o ? 'hold');
  ids bytea[]; made bytea[]; cells limit_cell[]; clock bigint; now bigint; op jsonb; result jsonb; results jsonb[] := '{}';
  is_lasting boolean := false;
BEGIN
  PERFORM lock_holds(holds);
  ids := ARRAY(
    SELECT decode(o->>'cell', 'hex') FROM jsonb_array_elements(ops) o WHERE o ? 'cell'
    UNION SELECT decode(i->>'cell', 'hex') FROM jsonb_array_elements(ops) o, jsonb_array_elements(o->'items') i
    UNION SELECT cell FROM held_item WHERE hold = ANY (holds)
    ORDER BY 1);
  made := lock_cells(ids, specs);
  cells := cells_load(ids);
  clock := clock_ms();
  now := greatest(now_ms(), (SELECT max(c.seen_ms) FROM unnest(cells) c));
  FOR at IN 1 .. cardinality(ids) LOOP
    cells[at] := cell_sweep(cells[at], now);
  END LOOP;
  -- Expired for so long that no end is waited for any more.
  DELETE FROM held_item WHERE hold = ANY (holds) AND is_expired AND due_ms <= now - 86400000;
  FOR op IN SELECT * FROM jsonb_array_elements(ops) LOOP
    SELECT r.cells, r.result INTO cells, result FROM ledger_one(op, clock, now, ids, cells) r;
    results := results || result;
    is_lasting := is_lasting OR NOT (op->>'op' IN ('read', 'probe') OR jsonb_typeof(result) = 'string'
      OR (op->>'op' = 'reserve' AND is_refused(op, result)));
  END LOOP;
  -- What only reads or refuses has nothing to lose in a crash, and does not wait for the disk.
  IF NOT is_lasting THEN PERFORM set_config('synchronous_commit', 'off', true); END IF;
  PERFORM cells_store(cells, now);
  IF made <> '{}' THEN PERFORM forget_idle(made, now); END IF;
  RETURN jsonb_build_object('clock', clock, 'results', to_jsonb(results));
END $$;

-- Forgets limits, locked before, in which nothing lives.
CREATE FUNCTION forget_idle(ids bytea[], now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE gone bytea[];
BEGIN
  WITH dead AS (DELETE FROM limit_cell c WHERE c.id = ANY (ids) AND c.held = 0
    AND NOT EXISTS (SELECT FROM held_item h WHERE h.cell = c.id)
    AND NOT EXISTS (SELECT FROM limit_grant g WHERE g.cell = c.id AND (g.until_ms IS NULL OR g.until_ms > now))
    AND CASE c.kind WHEN 'lifetime' THEN c.used = 0 WHEN 'calendar' THEN c.used = 0 OR c.period_end_ms <= now
      ELSE c.used = 0 OR c.seen_ms + c.window_ms / 60 * 61 + 61 <= now END
    RETURNING c.id)
  SELECT array_agg(id) INTO gone FROM dead;
  DELETE FROM limit_usage WHERE cell = ANY (gone);
  DELETE FROM limit_grant WHERE cell = ANY (gone);
END $$;

-- Tidies a stretch of the limits and answers where to go on; null at the end. Skips whatever is in use.
CREATE FUNCTION tidy_ledger(after_id bytea, many int) RETURNS bytea LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE ids bytea[]; now bigint := now_ms();
BEGIN
  ids := ARRAY(SELECT id FROM limit_cell WHERE id > after_id ORDER BY id LIMIT many);
  DELETE FROM held_item h USING (SELECT c.id FROM limit_cell c WHERE c.id = ANY (ids) ORDER BY c.id FOR UPDATE SKIP LOCKED) c
    WHERE h.cell = c.id AND h.is_expired AND h.due_ms <= now - 86400000;
  DELETE FROM limit_grant WHERE cell = ANY (ids) AND until_ms <= now;
  PERFORM forget_idle(ARRAY(SELECT id FROM limit_cell WHERE id = ANY (ids) ORDER BY id FOR UPDATE SKIP LOCKED), now);
  RETURN ids[cardinality(ids)];
END $$;
`;
