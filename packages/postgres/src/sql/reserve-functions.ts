/** How a request is judged, taken, and taken again under the same id. */
export const RESERVE_FUNCTIONS = `
CREATE FUNCTION cell_granted(c limit_cell, now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF c.has_grants IS NOT TRUE THEN RETURN 0; END IF;
  RETURN (SELECT coalesce(sum(g.amount), 0) FROM limit_grant g
    WHERE g.cell = c.id AND (g.until_ms IS NULL OR g.until_ms > now));
END $$;

-- By position: null where the item fits, else { retryAfterMs }.
CREATE FUNCTION judge(op jsonb, kept held_item[], now bigint, ids bytea[], cells limit_cell[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answers jsonb := '[]'; want jsonb; c limit_cell; amount bigint; missing bigint;
  wanted text[] := '{}'; amounts bigint[] := '{}'; pending bigint;
BEGIN
  FOR place IN 0 .. jsonb_array_length(op->'items') - 1 LOOP
    want := op->'items'->place;
    amount := (want->>'amount')::bigint;
    IF (kept[place + 1]).hold IS NULL AND amount > 0 THEN
      c := cells[array_position(ids, decode(want->>'cell', 'hex'))];
      -- What earlier items of the same request already want of this limit.
      SELECT coalesce(sum(p.amount), 0) INTO pending FROM unnest(wanted, amounts) p(cell, amount) WHERE p.cell = want->>'cell';
      missing := coalesce(c.used, 0) + coalesce(c.held, 0) + pending + amount - (want->>'limit')::bigint - cell_granted(c, now);
    ELSE
      -- Nothing asked for is never refused, not even while there is debt.
      missing := 0;
    END IF;
    answers := answers || CASE WHEN missing <= 0 THEN 'null'::jsonb ELSE jsonb_build_object('retryAfterMs',
      CASE WHEN c.id IS NULL OR missing > c.used THEN NULL ELSE cell_free_after(c, missing, now) END) END;
    wanted := wanted || (want->>'cell'); amounts := amounts || amount;
  END LOOP;
  RETURN answers;
END $$;

CREATE FUNCTION is_refused(op jsonb, answers jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT EXISTS (SELECT FROM jsonb_array_elements(op->'items') WITH ORDINALITY i(item, place)
    WHERE NOT (item->>'isSoft')::boolean AND jsonb_typeof(answers->(place::int - 1)) = 'object') $$;

-- The events of an earlier hold that still count for a repeated request: a resumed call is not counted twice.
CREATE FUNCTION kept_events(hold_id bytea, op jsonb, ids bytea[], cells limit_cell[]) RETURNS held_item[]
LANGUAGE plpgsql AS $$
DECLARE kept held_item[] := '{}'; item held_item; used_places int[] := '{}'; want jsonb; cell_id bytea;
BEGIN
  FOR place IN 0 .. jsonb_array_length(op->'items') - 1 LOOP
    want := op->'items'->place;
    cell_id := decode(want->>'cell', 'hex');
    SELECT h.* INTO item FROM held_item h
      WHERE h.hold = hold_id AND h.is_event AND (NOT h.is_expired OR h.is_charged)
        AND h.cell = cell_id AND h.epoch = (cells[array_position(ids, cell_id)]).epoch
        AND h.amount = (want->>'amount')::bigint AND h.position <> ALL (used_places)
      ORDER BY h.position LIMIT 1;
    kept[place + 1] := item;
    IF item.hold IS NOT NULL THEN used_places := used_places || item.position; END IF;
  END LOOP;
  RETURN kept;
END $$;

-- The same call again, with something else or after its time: judged anew without what it already took.
CREATE FUNCTION hold_retake(hold_id bytea, op jsonb, is_probe boolean, now bigint, ids bytea[], INOUT cells limit_cell[], OUT answers jsonb)
LANGUAGE plpgsql AS $$
DECLARE item held_item; at int; kept held_item[] := kept_events(hold_id, op, ids, cells); before limit_cell[] := cells;
BEGIN
  -- A block with an exception clause is undone as a whole: a refusal and a probe leave everything as it was.
  BEGIN
    FOR item IN SELECT * FROM held_item WHERE hold = hold_id AND NOT is_event ORDER BY position LOOP
      at := array_position(ids, item.cell);
      cells[at] := item_release(cells[at], item, now);
    END LOOP;
    answers := judge(op, kept, now, ids, cells);
    IF is_probe OR is_refused(op, answers) THEN RAISE EXCEPTION USING ERRCODE = 'APNOT'; END IF;
    FOR item IN SELECT * FROM held_item WHERE hold = hold_id AND is_event ORDER BY position LOOP
      CONTINUE WHEN EXISTS (SELECT FROM unnest(kept) k WHERE k.position = item.position AND k.hold IS NOT NULL);
      at := array_position(ids, item.cell);
      cells[at] := item_release(cells[at], item, now);
    END LOOP;
    DELETE FROM held_item WHERE hold = hold_id;
    cells := hold_take(hold_id, op, answers, kept, now, ids, cells);
  EXCEPTION WHEN SQLSTATE 'APNOT' THEN
    -- Variables are not undone.
    cells := before;
  END;
END $$;

-- Whether a repeated request asks for just what its hold took, position by position; answers as it was answered.
CREATE FUNCTION hold_same(hold_id bytea, op jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(h.hold) = jsonb_array_length(op->'items') AND count(*) = count(h.hold)
      AND bool_and(h.cell = decode(w.item->>'cell', 'hex') AND h.amount = (w.item->>'amount')::bigint AND NOT h.is_expired)
    THEN jsonb_agg(CASE WHEN h.is_breached THEN jsonb_build_object('retryAfterMs', h.retry_after_ms) END
      ORDER BY h.position) END
  FROM (SELECT * FROM held_item WHERE hold = hold_id) h
  FULL JOIN jsonb_array_elements(op->'items') WITH ORDINALITY w(item, place) ON w.place - 1 = h.position $$;

CREATE FUNCTION hold_reserve(hold_id bytea, op jsonb, is_probe boolean, now bigint, ids bytea[], INOUT cells limit_cell[], OUT answers jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM held_item WHERE hold = hold_id) THEN
    answers := hold_same(hold_id, op);
    IF answers IS NULL THEN
      SELECT r.cells, r.answers INTO cells, answers FROM hold_retake(hold_id, op, is_probe, now, ids, cells) r;
    ELSIF NOT is_probe THEN
      cells := hold_renew(hold_id, (op->>'ttl')::bigint, now, ids, cells);
    END IF;
    RETURN;
  END IF;
  answers := judge(op, '{}', now, ids, cells);
  IF NOT is_probe AND NOT is_refused(op, answers) THEN
    cells := hold_take(hold_id, op, answers, '{}', now, ids, cells);
  END IF;
END $$;
`;
