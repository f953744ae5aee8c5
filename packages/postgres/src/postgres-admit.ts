import type { StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";
import { checkRequest, type DocumentChange, type GroupedWrites } from "@agentplane/core/store";

import { bytesOfKey } from "./documents/document-key.ts";
import type { PostgresDocuments } from "./documents/postgres-documents.ts";
import { describeRequest } from "./ledger/operation.ts";

/** What an admission in one statement works on. */
export interface PostgresAdmitDeps {
  readonly writes: GroupedWrites<PostgresDocuments>;
  readonly sessions: PostgresDocuments;
  readonly admissions: PostgresDocuments;
}

/**
 * Takes all limits of a call and writes its documents in one statement, or does nothing of it; calls that write the same
 * document at once share it. One more where another process has written a document since this one saw it.
 * @throws AgentplaneError `usage_invalid` (rejected) for what no server could keep: those it goes with must not fail by it
 */
export async function admitOnServer(
  { writes, ...collections }: PostgresAdmitDeps,
  { reserve, changes }: StoreAdmission,
): Promise<StoreAdmissionAnswer> {
  if (reserve !== undefined) {
    checkRequest(reserve);
    describeRequest("reserve", reserve);
  }
  const changing = changes.map(({ collection, key, change, ttlMs }): DocumentChange<PostgresDocuments> => {
    bytesOfKey(key);
    return { documents: collections[collection], key, change, ttlMs };
  });
  return writes.admit(reserve, changing);
}
