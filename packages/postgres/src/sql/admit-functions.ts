/** The admission of a call in one statement, and writing of documents that says what was there instead. */
export const ADMIT_FUNCTIONS = `
-- As write_document, of a document that has not expired; answers { version, change } or, when it is another by now,
-- { there, json }: there is empty for none.
CREATE FUNCTION put_document(in_collection text, of_key bytea, expected bigint, new_value json, ttl_ms bigint, is_followed boolean)
RETURNS json LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout TO '4s' AS $$
DECLARE now bigint := now_ms(); token bigint := nextval('document_revision'); is_written boolean; answer json;
BEGIN
  IF expected <> 0 THEN
    PERFORM FROM document WHERE collection = in_collection AND id = sha256(of_key) AND revision = expected
      AND (expires_ms IS NULL OR expires_ms > now) FOR UPDATE;
    is_written := FOUND;
    IF is_written AND new_value IS NULL THEN
      DELETE FROM document WHERE collection = in_collection AND id = sha256(of_key);
    ELSIF is_written THEN
      UPDATE document SET value = new_value, revision = token, expires_ms = now + ttl_ms
        WHERE collection = in_collection AND id = sha256(of_key);
    END IF;
  ELSE
    INSERT INTO document AS d (collection, key, value, revision, expires_ms)
      VALUES (in_collection, of_key, new_value, token, now + ttl_ms)
      ON CONFLICT (collection, id) DO UPDATE
      SET value = excluded.value, revision = excluded.revision, expires_ms = excluded.expires_ms
      WHERE d.expires_ms <= now;
    is_written := FOUND;
  END IF;
  IF is_written THEN
    RETURN json_build_object('version', token::text,
      'change', CASE WHEN is_followed THEN note_change(in_collection, of_key, new_value) ELSE 0 END);
  END IF;
  SELECT json_build_object('there', d.revision::text, 'json', d.value::text) INTO answer FROM document d
    WHERE d.collection = in_collection AND d.id = sha256(of_key) AND (d.expires_ms IS NULL OR d.expires_ms > now);
  RETURN coalesce(answer, json_build_object('there', ''));
END $$;

-- Writes the documents of a call and takes its limits, or does nothing of it. Documents are locked first, in the order
-- in which they come, then limits: nobody who holds a limit waits for a document. Answers what became of each document,
-- and of the reservation, if it came to that.
CREATE FUNCTION admit(docs json, op jsonb, specs jsonb) RETURNS json LANGUAGE plpgsql
SET search_path FROM CURRENT SET lock_timeout TO '4s' AS $$
DECLARE doc json; put json; puts json[] := '{}'; taken jsonb; is_done boolean := false; has_moved boolean := false;
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
    IF op IS NOT NULL THEN
      taken := ledger(jsonb_build_array(op), specs)->'results'->0;
      IF jsonb_typeof(taken) = 'string' OR EXISTS (SELECT FROM jsonb_array_elements(taken) t WHERE jsonb_typeof(t) = 'object')
      THEN RAISE EXCEPTION USING ERRCODE = 'APNOT'; END IF;
    END IF;
    is_done := true;
  EXCEPTION WHEN SQLSTATE 'APNOT' THEN
    NULL;
  END;
  RETURN json_build_object('clock', clock_ms(), 'isDone', is_done, 'puts', to_json(puts), 'taken', taken);
END $$;
`;
