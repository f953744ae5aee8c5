/** By which attempts a hold was taken: one whose answer was lost gives back no more than itself. */
export const HOLD_TAKERS = `
-- Of reservations that others may make again under the same id. A row that is left when its hold has ended says nothing of
-- the next hold of that id.
CREATE TABLE hold_taker (
  hold bytea PRIMARY KEY,
  takers text[] NOT NULL,
  until_ms bigint NOT NULL
);
CREATE INDEX hold_taker_until ON hold_taker (until_ms);

-- Whoever is not named, or too many to be, is '': that one never gives anything back here.
CREATE FUNCTION note_taker(hold_id bytea, taker text, was_held boolean, now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hold_taker AS t VALUES (hold_id, CASE WHEN was_held THEN ARRAY['', taker] ELSE ARRAY[taker] END, now + 3600000)
  ON CONFLICT (hold) DO UPDATE SET until_ms = excluded.until_ms, takers = CASE
    WHEN NOT was_held THEN excluded.takers
    WHEN cardinality(t.takers) < 16 THEN t.takers || taker
    ELSE array_prepend('', t.takers[2:]) END;
  -- Each makes room for itself.
  DELETE FROM hold_taker WHERE hold IN
    (SELECT hold FROM hold_taker WHERE until_ms < now ORDER BY until_ms LIMIT 4 FOR UPDATE SKIP LOCKED);
END $$;

-- Whether an attempt gives back the whole hold: it alone has taken it. Else it is taken out of those that have.
CREATE FUNCTION is_last_taker(hold_id bytea, taker text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE left_over text[];
BEGIN
  UPDATE hold_taker SET takers = array_remove(takers, taker) WHERE hold = hold_id AND taker = ANY (takers)
    RETURNING takers INTO left_over;
  RETURN FOUND AND cardinality(left_over) = 0;
END $$;

CREATE OR REPLACE FUNCTION ledger_one(op jsonb, clock bigint, now bigint, ids bytea[], INOUT cells limit_cell[], OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  hold_id bytea := decode(op->>'hold', 'hex');
  at int := array_position(ids, decode(op->>'cell', 'hex'));
  c limit_cell := cells[at];
  was_held boolean;
BEGIN
  result := 'null';
  -- A request that arrives after its caller has given it up must not take anything any more.
  IF clock > (op->>'until')::bigint THEN result := '"late"'; RETURN; END IF;
  IF clock <= (op->>'after')::bigint THEN result := '"early"'; RETURN; END IF;
  CASE op->>'op'
  WHEN 'reserve', 'probe' THEN
    IF op ? 'by' THEN was_held := EXISTS (SELECT FROM held_item WHERE hold = hold_id); END IF;
    SELECT r.cells, r.answers INTO cells, result
      FROM hold_reserve(hold_id, op, op->>'op' = 'probe', now, ids, cells) r;
    IF op ? 'by' AND NOT is_refused(op, result) THEN PERFORM note_taker(hold_id, op->>'by', was_held, now); END IF;
  WHEN 'settle' THEN cells := hold_end(hold_id, op->'actuals', now, ids, cells);
  WHEN 'release' THEN
    IF NOT op ? 'by' OR is_last_taker(hold_id, op->>'by') THEN cells := hold_end(hold_id, NULL, now, ids, cells); END IF;
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
`;
