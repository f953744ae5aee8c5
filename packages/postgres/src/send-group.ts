import type { ReserveRequest } from "@agentplane/core";
import type { DocumentWrite, GroupAnswer, GroupSender, Verdict, WriteGroup } from "@agentplane/core/store";

import type { Database } from "./database.ts";
import { bytesOfKey } from "./documents/document-key.ts";
import { ttlOf, type PostgresDocuments } from "./documents/postgres-documents.ts";
import { fieldOf, parsePut, type PutAnswer } from "./documents/put-answer.ts";
import { describeRequest, type Described } from "./ledger/operation.ts";
import { reservationOf, type PostgresLedger } from "./ledger/postgres-ledger.ts";
import { repeated } from "./repeated.ts";
import { isDataError, ServerFailure } from "./server-failure.ts";

/** What sending a group needs. */
export interface SendGroupDeps {
  readonly database: Database;
  readonly ledger: PostgresLedger;
  /** Told the server's clock whenever it answers. */
  heard(clockMs: number): void;
}

type Group = WriteGroup<PostgresDocuments>;
type Write = DocumentWrite<PostgresDocuments>;

/** What the function `admit_group` answers. */
interface Admitted {
  readonly isDone: boolean;
  readonly puts: readonly PutAnswer[];
  /** The ledger's answers by position; empty where it was not asked. */
  readonly taken: readonly unknown[];
}

/** Sends what calls take and write at once in one statement. */
export function createGroupSender(deps: SendGroupDeps): GroupSender<PostgresDocuments> {
  return {
    async send(group) {
      const { writes, takes, probes } = group;
      const [only] = writes;
      if (only !== undefined && writes.length === 1 && takes.length + probes.length === 0)
        return put(deps, only);
      const admitted = await take(deps, group);
      noteAll(writes, admitted);
      return answerOf(group, admitted);
    },
    isOfOne: (error) => error instanceof ServerFailure && isDataError(error),
  };
}

/** A document alone may be one of those that are followed. */
async function put({ database }: SendGroupDeps, write: Write): Promise<GroupAnswer> {
  const { documents, key, json, ttlMs } = write;
  const { collection, isFollowed } = documents;
  const values = [
    collection,
    bytesOfKey(key),
    expectedOf(write),
    json ?? null,
    ttlOf(ttlMs) ?? null,
    isFollowed,
  ];
  const answer = parsePut(await repeated(() => database.call("put_document", values)));
  if (!answer.isWritten) return { kind: "moved", there: [documents.saw(key, answer.there)] };
  documents.written(write, answer);
  return { kind: "done", versions: [answer.version], probed: [] };
}

async function take(deps: SendGroupDeps, group: Group): Promise<Admitted> {
  const { takes } = group;
  if (takes.length === 0) return ask(deps, group, undefined);
  const ids = takes.map(({ id }) => id);
  const answer = await deps.ledger.taking(ids, async (untilMs) => {
    const admitted = await ask(deps, group, untilMs);
    return admitted.taken.includes("late") ? "late" : admitted;
  });
  if (answer === "late")
    throw new ServerFailure("PostgreSQL was too slow; nothing was changed", { kind: "refused" });
  return answer;
}

async function ask(
  { database, heard }: SendGroupDeps,
  { writes, takes, probes }: Group,
  untilMs: number | undefined,
): Promise<Admitted> {
  const described = [
    ...takes.map((one) => describeAdmission("reserve", one)),
    ...probes.map((one) => describeAdmission("probe", one)),
  ];
  const operations = described.map(({ operation }) =>
    operation.op === "reserve" ? { ...operation, until: untilMs } : operation,
  );
  const specs = Object.fromEntries(described.flatMap((one) => [...one.specs]));
  const values = [JSON.stringify(writes.map(sentWrite)), JSON.stringify(operations), JSON.stringify(specs)];
  const answer = await repeated(() => database.call("admit_group", values));
  // A driver that was told to leave JSON alone gives its text.
  const parsed: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
  heard(Number(fieldOf(parsed, "clock")));
  return readAdmitted(parsed, writes.length);
}

/** A soft limit that is exceeded stops an admission as a hard one does. */
function describeAdmission(op: "reserve" | "probe", request: ReserveRequest): Described {
  return describeRequest(op, {
    ...request,
    items: request.items.map((item) => ({ ...item, isSoft: false })),
  });
}

function sentWrite(write: Write): Readonly<Record<string, unknown>> {
  const { documents, key, json, ttlMs } = write;
  return {
    collection: documents.collection,
    key: bytesOfKey(key).toString("base64"),
    expected: expectedOf(write),
    value: json,
    ttl: ttlOf(ttlMs),
  };
}

function expectedOf({ version }: Write): string {
  return version === "" ? "0" : version;
}

function readAdmitted(answer: unknown, documents: number): Admitted {
  const puts = fieldOf(answer, "puts");
  const taken = fieldOf(answer, "taken") ?? [];
  if (!Array.isArray(puts) || puts.length !== documents || !Array.isArray(taken))
    throw new ServerFailure("PostgreSQL answered an admission with something else", { kind: "unknown" });
  return { isDone: fieldOf(answer, "isDone") === true, puts: puts.map(parsePut), taken };
}

/** What was written is undone with the others, unless all is done. */
function noteAll(writes: readonly Write[], { isDone, puts }: Admitted): void {
  for (const [at, write] of writes.entries()) {
    const answer = puts[at];
    if (answer?.isWritten === false) write.documents.saw(write.key, answer.there);
    else if (isDone && answer !== undefined) write.documents.written(write, answer);
  }
}

function answerOf({ takes, probes }: Group, { isDone, puts, taken }: Admitted): GroupAnswer {
  const verdicts = (requests: readonly ReserveRequest[], from: number): readonly Verdict[] =>
    requests.map((request, at) => verdictOf(request, taken[from + at]));
  if (isDone) {
    const versions = puts.map((one) => (one.isWritten ? one.version : ""));
    return { kind: "done", versions, probed: verdicts(probes, takes.length) };
  }
  if (taken.length > 0) return { kind: "refused", taken: verdicts(takes, 0) };
  return { kind: "moved", there: puts.map((one) => (one.isWritten ? undefined : one.there)) };
}

function verdictOf(request: ReserveRequest, answer: unknown): Verdict {
  const reservation = reservationOf(request, answer);
  return reservation.breaches.length === 0 ? "fits" : reservation;
}
