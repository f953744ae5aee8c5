/** The admission of many calls in one statement; the function it replaces stays for processes that do not know it yet. */
export const ADMIT_GROUP_FUNCTION = `
-- Writes documents and does operations of the ledger, or does nothing of it, as \`admit\` does for one. An operation that
-- reserves must fit, one that probes only answers. Answers what became of each document, and of the operations, if it
-- came to those.
CREATE FUNCTION admit_group(docs json, ops jsonb, specs jsonb) RETURNS json LANGUAGE plpgsql
SET search_path FROM CURRENT SET lock_timeout TO '4s' AS $$
DECLARE doc json; put json; puts json[] := '{}'; taken jsonb; is_done boolean := false; has_moved boolean := false;
  waits text := current_setting('synchronous_commit');
BEGIN
  -- A block with an exception clause is undone as a whole; its variables are not.
  BEGIN
    FOR doc IN SELECT d FROM json_array_elements(docs) d LOOP
      put := put_document(doc->>'collection', decode(doc->>'key', 'base64'), (doc->>'expected')::bigint,
        (doc->>'value')::json, (doc->>'ttl')::bigint, false);
      puts := puts || put;
      has_moved := has_moved OR put->>'there' IS NOT NULL;
    END LOOP;
    IF has_moved THEN RAISE EXCEPTION USING ERRCODE = 'APNOT'; END IF;
    IF jsonb_array_length(ops) > 0 THEN
      taken := ledger(ops, specs)->'results';
      IF EXISTS (SELECT FROM jsonb_array_elements(ops) WITH ORDINALITY o(op, place)
        WHERE CASE WHEN jsonb_typeof(taken->(place::int - 1)) = 'string' THEN true
          ELSE op->>'op' = 'reserve' AND jsonb_path_exists(taken->(place::int - 1), '$[*] ? (@.type() == "object")') END)
      THEN RAISE EXCEPTION USING ERRCODE = 'APNOT'; END IF;
      -- The ledger does not wait for the disk where it only reads; documents do.
      IF cardinality(puts) > 0 THEN PERFORM set_config('synchronous_commit', waits, true); END IF;
    END IF;
    is_done := true;
  EXCEPTION WHEN SQLSTATE 'APNOT' THEN
    NULL;
  END;
  RETURN json_build_object('clock', clock_ms(), 'isDone', is_done, 'puts', to_json(puts), 'taken', taken);
END $$;
`;
