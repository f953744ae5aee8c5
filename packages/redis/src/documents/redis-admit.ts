import type { StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";
import { checkRequest, type DocumentChange, type GroupedWrites } from "@agentplane/core/store";

import type { Keyspace } from "../connection/keyspace.ts";
import type { RedisDocuments } from "./redis-documents.ts";

/** What an admission in one round trip works on. */
export interface RedisAdmitDeps {
  readonly writes: GroupedWrites<RedisDocuments>;
  readonly keyspace: Keyspace;
  readonly sessions: RedisDocuments;
  readonly admissions: RedisDocuments;
}

/**
 * Takes all limits of a call and writes its documents in one script, or does nothing of it: one round trip where this
 * process was the last to write the documents or they are new, and one more each time another process came first. Calls
 * that write the same document at once share it.
 * @throws AgentplaneError `usage_invalid` (rejected) for what no server could keep: those it goes with must not fail by it
 */
export async function admitOnServer(
  { writes, keyspace, ...collections }: RedisAdmitDeps,
  { reserve, changes }: StoreAdmission,
): Promise<StoreAdmissionAnswer> {
  if (reserve !== undefined) {
    checkRequest(reserve);
    keyspace.ofHold(reserve.id);
    for (const { spec } of reserve.items) keyspace.ofLimit(spec.key);
  }
  const changing = changes.map(({ collection, key, change, ttlMs }): DocumentChange<RedisDocuments> => {
    keyspace.ofDocument(collection, key);
    return { documents: collections[collection], key, change, ttlMs };
  });
  return writes.admit(reserve, changing);
}
