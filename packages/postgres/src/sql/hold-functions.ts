/** Cells and holds: how a reservation is taken, ended and what becomes of it when its time is up. */
export const HOLD_FUNCTIONS = `
-- The limits of a statement travel as an array, by their place in the sorted array of ids: a row that is written once is
-- found at once, one that was written by every operation of a batch is looked for through all its versions.
CREATE FUNCTION cells_load(ids bytea[]) RETURNS limit_cell[] LANGUAGE sql VOLATILE AS $$
  SELECT ARRAY(SELECT c FROM unnest(ids) WITH ORDINALITY i(id, place) LEFT JOIN limit_cell c ON c.id = i.id
    ORDER BY i.place) $$;

CREATE FUNCTION cells_store(cells limit_cell[], now bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
  UPDATE limit_cell t SET kind = c.kind, used = c.used, held = c.held, epoch = c.epoch, has_grants = c.has_grants,
    period_start_ms = c.period_start_ms, period_end_ms = c.period_end_ms, oldest_slot = c.oldest_slot,
    next_due_ms = c.next_due_ms, seen_ms = now
  FROM unnest(cells) c WHERE t.id = c.id AND (t.*) IS DISTINCT FROM (c.*) $$;

-- What an operator's reset forgot cannot be taken back: it would take away from others.
CREATE FUNCTION item_uncount(c limit_cell, item held_item, amount bigint, now bigint) RETURNS limit_cell
LANGUAGE plpgsql AS $$
BEGIN
  IF c.epoch <> item.epoch THEN RETURN c; END IF;
  RETURN cell_unuse(c, amount, CASE WHEN item.is_event OR NOT item.is_expired THEN item.at_ms ELSE item.due_ms END, now);
END $$;

-- Gives an item back as if it had never been taken.
CREATE FUNCTION item_release(c limit_cell, item held_item, now bigint) RETURNS limit_cell LANGUAGE plpgsql AS $$
BEGIN
  IF NOT item.is_expired AND NOT item.is_event THEN
    c.held := c.held - item.amount;
  ELSIF NOT item.is_expired OR item.is_charged THEN
    c := item_uncount(c, item, item.amount, now);
  END IF;
  RETURN c;
END $$;

-- Ends an item with what was really used; after its time it is charged, as debt if needed.
CREATE FUNCTION item_settle(c limit_cell, item held_item, actual bigint, now bigint) RETURNS limit_cell
LANGUAGE plpgsql AS $$
DECLARE counted bigint;
BEGIN
  IF NOT item.is_event AND NOT item.is_expired THEN
    c.held := c.held - item.amount;
    RETURN cell_use(c, actual, now, now);
  END IF;
  counted := CASE WHEN item.is_expired AND NOT item.is_charged THEN 0 ELSE item.amount END;
  IF actual < counted THEN RETURN item_uncount(c, item, counted - actual, now); END IF;
  RETURN cell_use(c, actual - counted, now, now);
END $$;

-- Brings a locked cell to now: what left its window is gone, holds whose time is up are charged or given back.
CREATE FUNCTION cell_sweep(c limit_cell, now bigint) RETURNS limit_cell LANGUAGE plpgsql AS $$
DECLARE item held_item;
BEGIN
  IF c.id IS NULL THEN RETURN c; END IF;
  c := cell_advance(c, now);
  IF c.next_due_ms <= now THEN
    FOR item IN SELECT * FROM held_item WHERE cell = c.id AND NOT is_expired AND due_ms <= now
      ORDER BY due_ms, hold, position
    LOOP
      IF NOT item.is_event THEN c.held := c.held - item.amount; END IF;
      IF item.is_charged AND NOT item.is_event THEN c := cell_use(c, item.amount, item.due_ms, now); END IF;
      IF NOT item.is_charged AND item.is_event THEN c := item_uncount(c, item, item.amount, now); END IF;
    END LOOP;
    UPDATE held_item SET is_expired = true WHERE cell = c.id AND NOT is_expired AND due_ms <= now;
    SELECT min(due_ms) INTO c.next_due_ms FROM held_item WHERE cell = c.id AND NOT is_expired;
  END IF;
  RETURN c;
END $$;

-- Takes a request's items: those of the hold before it that are kept stay counted as they are.
CREATE FUNCTION hold_take(hold_id bytea, op jsonb, answers jsonb, kept held_item[], now bigint, ids bytea[], INOUT cells limit_cell[])
LANGUAGE plpgsql AS $$
DECLARE c limit_cell; want jsonb; item held_item; at int; due bigint := now + (op->>'ttl')::bigint;
BEGIN
  FOR place IN 0 .. jsonb_array_length(op->'items') - 1 LOOP
    want := op->'items'->place;
    at := array_position(ids, decode(want->>'cell', 'hex'));
    c := cells[at];
    item := kept[place + 1];
    IF item.hold IS NULL THEN
      item.hold := hold_id; item.cell := c.id; item.amount := (want->>'amount')::bigint; item.at_ms := now;
      item.is_event := (want->>'isEvent')::boolean; item.is_charged := (want->>'isCharged')::boolean;
      item.epoch := c.epoch;
      IF item.is_event THEN c := cell_use(c, item.amount, now, now); ELSE c.held := c.held + item.amount; END IF;
    END IF;
    c.next_due_ms := least(c.next_due_ms, due);
    cells[at] := c;
    INSERT INTO held_item (hold, position, cell, amount, at_ms, due_ms, is_event, is_charged, epoch, is_breached, retry_after_ms)
    VALUES (hold_id, place, item.cell, item.amount, item.at_ms, due, item.is_event, item.is_charged, item.epoch,
      jsonb_typeof(answers->place) = 'object', (answers->place->>'retryAfterMs')::bigint);
  END LOOP;
END $$;

-- The end of a call; unknown or ended before, nothing happens.
CREATE FUNCTION hold_end(hold_id bytea, actuals jsonb, now bigint, ids bytea[], INOUT cells limit_cell[])
LANGUAGE plpgsql AS $$
DECLARE item held_item; at int;
BEGIN
  FOR item IN DELETE FROM held_item WHERE hold = hold_id RETURNING * LOOP
    at := array_position(ids, item.cell);
    IF actuals IS NULL THEN
      cells[at] := item_release(cells[at], item, now);
    ELSE
      cells[at] := item_settle(cells[at], item, coalesce((actuals->>item.position)::bigint, item.amount), now);
    END IF;
  END LOOP;
END $$;

-- After its time the room may be another's: a late renewal revives nothing.
CREATE FUNCTION hold_renew(hold_id bytea, ttl_ms bigint, now bigint, ids bytea[], INOUT cells limit_cell[])
LANGUAGE plpgsql AS $$
DECLARE cell_id bytea; at int; c limit_cell;
BEGIN
  FOR cell_id IN UPDATE held_item SET due_ms = now + ttl_ms WHERE hold = hold_id AND NOT is_expired RETURNING cell LOOP
    at := array_position(ids, cell_id);
    c := cells[at];
    c.next_due_ms := least(c.next_due_ms, now + ttl_ms);
    cells[at] := c;
  END LOOP;
END $$;
`;
