import type { AdmissionChange, StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";
import type { StoredDocument } from "@agentplane/core/store";

import type { Database } from "./database.ts";
import { bytesOfKey } from "./documents/document-key.ts";
import { ttlOf, type PostgresDocuments } from "./documents/postgres-documents.ts";
import { fieldOf, parsePut, type PutAnswer } from "./documents/put-answer.ts";
import type { Described } from "./ledger/operation.ts";
import { reservationOf, type PostgresLedger } from "./ledger/postgres-ledger.ts";
import { repeated } from "./repeated.ts";
import { ServerFailure } from "./server-failure.ts";

/** What an admission in one statement works on. */
export interface PostgresAdmitDeps {
  readonly database: Database;
  readonly ledger: PostgresLedger;
  readonly sessions: PostgresDocuments;
  readonly admissions: PostgresDocuments;
  /** Told the server's clock whenever it answers. */
  heard(clockMs: number): void;
}

/** One document on its way. */
interface Changing extends AdmissionChange {
  readonly documents: PostgresDocuments;
}

/** What the function `admit` answers. */
interface Admitted {
  readonly isDone: boolean;
  readonly puts: readonly PutAnswer[];
  /** The ledger's answer; null where it was not asked. */
  readonly taken: unknown;
}

const MAX_ATTEMPTS = 100;
const CALLED_OFF: StoreAdmissionAnswer = Object.freeze({ isAdmitted: false, reservation: undefined });

/**
 * Takes all limits of a call and writes its documents in one statement, or does nothing of it. One more where another
 * process has written a document since this one saw it.
 */
export function admitOnServer(
  deps: PostgresAdmitDeps,
  { reserve, changes }: StoreAdmission,
): Promise<StoreAdmissionAnswer> {
  // Limits alone go with those of other calls: a commit is paid by many. Soft ones would be taken though exceeded.
  if (reserve !== undefined && changes.length === 0 && !reserve.items.some(({ isSoft }) => isSoft))
    return takeLimits(deps.ledger, reserve);
  const changing = changes
    .map((change): Changing => ({ ...change, documents: deps[change.collection] }))
    // Everybody waits for turns, and locks rows, in one order: nobody waits in a circle.
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return inTurns(changing, () => admitNow(deps, reserve, changing));
}

async function takeLimits(
  ledger: PostgresLedger,
  reserve: NonNullable<StoreAdmission["reserve"]>,
): Promise<StoreAdmissionAnswer> {
  const reservation = await ledger.reserve(reserve);
  return reservation.isGranted ? { isAdmitted: true } : { isAdmitted: false, reservation };
}

function nameOf({ collection, key }: AdmissionChange): string {
  return `${collection}:${key}`;
}

function inTurns<T>([first, ...rest]: readonly Changing[], work: () => Promise<T>): Promise<T> {
  return first === undefined ? work() : first.documents.inTurn(first.key, () => inTurns(rest, work));
}

async function admitNow(
  deps: PostgresAdmitDeps,
  reserve: StoreAdmission["reserve"],
  changing: readonly Changing[],
): Promise<StoreAdmissionAnswer> {
  let known = await lookUp(changing, false);
  let isGuess = true;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const writes = writesOf(changing, known);
    if (writes === undefined) {
      if (!isGuess) return CALLED_OFF;
      // Only what is really there can call it off.
      // oxlint-disable-next-line no-await-in-loop -- each attempt is for what the last one found
      known = await lookUp(changing, true);
      isGuess = false;
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    const { isDone, puts, taken } = await send(deps, reserve, writes);
    if (!isDone && reserve !== undefined && taken !== null)
      return { isAdmitted: false, reservation: reservationOf(reserve, taken) };
    known = changing.map(({ key, documents }, at) => {
      const put = puts[at];
      if (put?.isWritten === false) return documents.saw(key, put.there);
      // What was written is undone with the others, unless all is done.
      return isDone
        ? documents.saw(key, { version: put?.version ?? "", json: writes[at]?.value })
        : known[at]!;
    });
    if (isDone) return { isAdmitted: true };
    // It compared all of them with what is there.
    isGuess = false;
  }
  throw new ServerFailure("what a call is admitted with changes too often to be written", {
    kind: "refused",
  });
}

function lookUp(changing: readonly Changing[], isFresh: boolean): Promise<readonly StoredDocument[]> {
  return Promise.all(changing.map(({ key, documents }) => documents.stored(key, isFresh)));
}

interface Write {
  readonly collection: string;
  readonly key: string;
  readonly expected: string;
  readonly value: string | undefined;
  readonly ttl: number | undefined;
}

/** What is to be written; undefined when a change calls it off. */
function writesOf(
  changing: readonly Changing[],
  known: readonly StoredDocument[],
): readonly Write[] | undefined {
  const writes: Write[] = [];
  for (const [at, { collection, key, change, ttlMs, documents }] of changing.entries()) {
    const stored = known[at]!;
    const old = documents.valueOf(key, stored);
    const next = change(old);
    if (next === old) return undefined;
    writes.push({
      collection,
      key: bytesOfKey(key).toString("base64"),
      expected: stored.version === "" ? "0" : stored.version,
      value: next === undefined ? undefined : JSON.stringify(next),
      ttl: ttlOf(ttlMs),
    });
  }
  return writes;
}

async function send(
  { database, ledger, heard }: PostgresAdmitDeps,
  reserve: StoreAdmission["reserve"],
  writes: readonly Write[],
): Promise<Admitted> {
  const ask = async (described: Described | undefined): Promise<Admitted> => {
    const operation = described === undefined ? null : JSON.stringify(described.operation);
    const specs = JSON.stringify(Object.fromEntries(described?.specs ?? []));
    const values = [JSON.stringify(writes), operation, specs];
    const answer = await repeated(() => database.call("admit", values));
    // A driver that was told to leave JSON alone gives its text.
    const parsed: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
    heard(Number(fieldOf(parsed, "clock")));
    return readAdmitted(parsed);
  };
  if (reserve === undefined) return ask(undefined);
  let admitted: Admitted | undefined;
  await ledger.taking(reserve, async (described) => {
    admitted = await ask(described);
    return admitted.taken;
  });
  return admitted!;
}

function readAdmitted(answer: unknown): Admitted {
  const puts = fieldOf(answer, "puts");
  if (!Array.isArray(puts))
    throw new ServerFailure("PostgreSQL answered an admission with something else", { kind: "unknown" });
  return {
    isDone: fieldOf(answer, "isDone") === true,
    puts: puts.map(parsePut),
    taken: fieldOf(answer, "taken") ?? null,
  };
}
