import {
  AgentplaneError,
  type AdmissionChange,
  type StoreAdmission,
  type StoreAdmissionAnswer,
} from "@agentplane/core";
import type { StoredDocument } from "@agentplane/core/store";

import { parseStored, type RedisDocuments } from "./redis-documents.ts";
import { readReservation, type RedisLedger, type ScriptPart } from "./redis-ledger.ts";

/** What an admission in one round trip works on. */
export interface RedisAdmitDeps {
  readonly ledger: RedisLedger;
  readonly sessions: RedisDocuments;
  readonly admissions: RedisDocuments;
}

/** One document on its way. */
interface Changing extends AdmissionChange {
  readonly documents: RedisDocuments;
}

const MAX_ATTEMPTS = 100;
const CALLED_OFF: StoreAdmissionAnswer = Object.freeze({ isAdmitted: false, reservation: undefined });

/**
 * Takes all limits of a call and writes its documents in one script, or does nothing of it: one round trip where this
 * process was the last to write the documents or they are new, and one more each time another process came first.
 */
export function admitOnServer(
  deps: RedisAdmitDeps,
  { reserve, changes }: StoreAdmission,
): Promise<StoreAdmissionAnswer> {
  const changing = changes
    .map((change): Changing => ({ ...change, documents: deps[change.collection] }))
    // Everybody waits for turns in one order, so that nobody waits in a circle.
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return inTurns(changing, () => admitNow(deps.ledger, reserve, changing));
}

function nameOf({ collection, key }: AdmissionChange): string {
  return `${collection}:${key}`;
}

function inTurns<T>([first, ...rest]: readonly Changing[], work: () => Promise<T>): Promise<T> {
  return first === undefined ? work() : first.documents.inTurn(first.key, () => inTurns(rest, work));
}

async function admitNow(
  ledger: RedisLedger,
  reserve: StoreAdmission["reserve"],
  changing: readonly Changing[],
): Promise<StoreAdmissionAnswer> {
  let known = await lookUp(changing, false);
  let isGuess = true;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const parts = partsOf(changing, known);
    if (parts === undefined) {
      if (!isGuess) return CALLED_OFF;
      // Only what is really there can call it off.
      // oxlint-disable-next-line no-await-in-loop -- each attempt is for what the last one found
      known = await lookUp(changing, true);
      isGuess = false;
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    const [kind, ...details] = await ledger.admit(reserve, parts);
    if (kind === "breached") return { isAdmitted: false, reservation: readReservation(details) };
    if (kind === "done") {
      for (const [at, { key, documents }] of changing.entries())
        documents.written(key, { version: String(details[at]), json: jsonIn(parts[at]) });
      return { isAdmitted: true };
    }
    known = changing.map(({ key, documents }, at) => {
      const detail = details[at];
      // What has not moved was told as null.
      return typeof detail === "string" ? documents.saw(key, parseStored(detail)) : known[at]!;
    });
    // It compared all of them with what is there.
    isGuess = false;
  }
  throw new AgentplaneError("state_failed", "what a call is admitted with changes too often to be written");
}

function lookUp(changing: readonly Changing[], isFresh: boolean): Promise<readonly StoredDocument[]> {
  return Promise.all(changing.map(({ key, documents }) => documents.stored(key, isFresh)));
}

/** What is to be written; undefined when a change calls it off. */
function partsOf(
  changing: readonly Changing[],
  known: readonly StoredDocument[],
): readonly ScriptPart[] | undefined {
  const parts: ScriptPart[] = [];
  for (const [at, { key, change, ttlMs, documents }] of changing.entries()) {
    const stored = known[at]!;
    const old = documents.valueOf(key, stored);
    const next = change(old);
    if (next === old) return undefined;
    const json = next === undefined ? undefined : JSON.stringify(next);
    parts.push(documents.writing(key, { version: stored.version, json, ttlMs }));
  }
  return parts;
}

function jsonIn(part: ScriptPart | undefined): string | undefined {
  const [, isWrite, json] = part?.texts ?? [];
  return isWrite === "1" ? json : undefined;
}
