/**
 * Documents, and the log of changes to those that are followed. Whoever writes such a change holds the row of
 * `change_head` until it commits, so revisions become visible in their order and none can be missed behind a later one.
 */
export const DOCUMENT_TABLES = `
CREATE TABLE document (
  collection text NOT NULL,
  id bytea NOT NULL GENERATED ALWAYS AS (sha256(key)) STORED,
  -- UTF-8 as bytes: text knows neither U+0000 nor an order that does not depend on a locale.
  key bytea NOT NULL,
  -- Not jsonb: that refuses U+0000 within strings and changes the order of members.
  value json NOT NULL,
  -- Never the same twice, not even for a document that was deleted and made again.
  revision bigint NOT NULL,
  expires_ms bigint,
  PRIMARY KEY (collection, id)
);
-- An entry of an index has a limit of length, a key has none.
CREATE INDEX document_prefix ON document (collection, substring(key FOR 256));
CREATE INDEX document_expiry ON document (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE SEQUENCE document_revision;

CREATE TABLE change_head (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  revision bigint NOT NULL,
  -- Changes up to here are not kept any more.
  pruned bigint NOT NULL
);
INSERT INTO change_head (revision, pruned) VALUES (0, 0);

CREATE TABLE document_change (
  revision bigint PRIMARY KEY,
  collection text NOT NULL,
  key bytea NOT NULL,
  -- Null for a document that is gone.
  value json,
  at_ms bigint NOT NULL
);
`;

/**
 * Writing and forgetting of documents.
 * @param channel Where followers are woken; a name of letters, digits and underscores.
 */
export function documentFunctions(channel: string): string {
  return `
CREATE FUNCTION note_change(in_collection text, of_key bytea, new_value json) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE noted bigint;
BEGIN
  UPDATE change_head SET revision = revision + 1 RETURNING revision INTO noted;
  INSERT INTO document_change (revision, collection, key, value, at_ms)
    VALUES (noted, in_collection, of_key, new_value, clock_ms());
  PERFORM pg_notify('${channel}', noted::text);
  RETURN noted;
END $$;

-- Writes (or, with null, deletes) a document if it is still at a revision; 0 for one that must not be there. Answers with
-- the revision of the change, 0 where changes are not followed, null when the document is another by now.
CREATE FUNCTION write_document(in_collection text, of_key bytea, expected bigint, new_value json, ttl_ms bigint, is_followed boolean)
RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout TO '4s' AS $$
DECLARE now bigint := now_ms(); token bigint := nextval('document_revision');
BEGIN
  IF new_value IS NULL THEN
    DELETE FROM document WHERE collection = in_collection AND id = sha256(of_key) AND revision = expected;
  ELSIF expected = 0 THEN
    INSERT INTO document AS d (collection, key, value, revision, expires_ms)
      VALUES (in_collection, of_key, new_value, token, now + ttl_ms)
      ON CONFLICT (collection, id) DO UPDATE
      SET value = excluded.value, revision = excluded.revision, expires_ms = excluded.expires_ms
      WHERE d.expires_ms <= now;
  ELSE
    UPDATE document SET value = new_value, revision = token, expires_ms = now + ttl_ms
      WHERE collection = in_collection AND id = sha256(of_key) AND revision = expected;
  END IF;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN CASE WHEN is_followed THEN note_change(in_collection, of_key, new_value) ELSE 0 END;
END $$;

-- Forgets documents whose time is up, and changes that every follower has long seen; answers how many documents.
CREATE FUNCTION tidy_documents(followed text[], many int, keep_changes_ms bigint) RETURNS int LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE gone document; count int := 0; pruned_to bigint;
BEGIN
  FOR gone IN DELETE FROM document WHERE (collection, id) IN (
    SELECT collection, id FROM document WHERE expires_ms <= now_ms() LIMIT many FOR UPDATE SKIP LOCKED) RETURNING *
  LOOP
    count := count + 1;
    IF gone.collection = ANY (followed) THEN PERFORM note_change(gone.collection, gone.key, NULL); END IF;
  END LOOP;
  SELECT max(revision) INTO pruned_to FROM document_change WHERE at_ms <= clock_ms() - keep_changes_ms;
  IF pruned_to IS NOT NULL THEN
    UPDATE change_head SET pruned = greatest(pruned, pruned_to);
    DELETE FROM document_change WHERE revision <= pruned_to;
  END IF;
  RETURN count;
END $$;
`;
}
