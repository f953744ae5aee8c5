import { AgentplaneError } from "@agentplane/core";
import type { DocumentWrite, GroupAnswer, GroupSender, Verdict, WriteGroup } from "@agentplane/core/store";

import type { Connection } from "../connection/connection.ts";
import { UPDATE } from "../lua/document-scripts.ts";
import { parseStored, type RedisDocuments } from "./redis-documents.ts";
import { readReservation, type RedisLedger } from "../ledger/redis-ledger.ts";

/** What sending a group needs. */
export interface SendGroupDeps {
  readonly connection: Connection;
  readonly ledger: RedisLedger;
}

type Group = WriteGroup<RedisDocuments>;
type Write = DocumentWrite<RedisDocuments>;

/** Sends what calls take and write at once in one script. */
export function createGroupSender({ connection, ledger }: SendGroupDeps): GroupSender<RedisDocuments> {
  return {
    async send(group) {
      const { writes, takes, probes } = group;
      const [only] = writes;
      if (only !== undefined && writes.length === 1 && takes.length + probes.length === 0)
        return writeOne(connection, only);
      const parts = writes.map((write) => write.documents.writing(write));
      return readAnswer(group, await ledger.admit({ takes, probes }, parts));
    },
    isOfOne,
  };
}

async function writeOne(connection: Connection, write: Write): Promise<GroupAnswer> {
  const { keys, texts } = write.documents.writing(write);
  const reply = await connection.run((client) => UPDATE.run(client, keys, texts));
  if (!Array.isArray(reply))
    throw new AgentplaneError("state_failed", "Redis answered an update with something else");
  const [isWritten, detail] = reply;
  return isWritten === 1 ? done([write], [detail], []) : moved([write], [detail]);
}

function readAnswer({ writes, probes }: Group, [kind, ...details]: readonly unknown[]): GroupAnswer {
  if (kind === "done")
    return done(
      writes,
      details,
      probes.map((_, at) => readVerdict(details[writes.length + at])),
    );
  if (kind === "moved") return moved(writes, details);
  const [answers] = details;
  if (kind !== "refused" || !Array.isArray(answers))
    throw new AgentplaneError("state_failed", "Redis answered an admission with something else");
  return { kind, taken: answers.map(readVerdict) };
}

function done(
  writes: readonly Write[],
  details: readonly unknown[],
  probed: readonly Verdict[],
): GroupAnswer {
  const versions = writes.map((write, at) => {
    const version = String(details[at]);
    write.documents.written(write, version);
    return version;
  });
  return { kind: "done", versions, probed };
}

function moved(writes: readonly Write[], details: readonly unknown[]): GroupAnswer {
  const there = writes.map(({ documents, key }, at) => {
    const detail = details[at];
    // What has not moved was told as null.
    return typeof detail === "string" ? documents.saw(key, parseStored(detail)) : undefined;
  });
  return { kind: "moved", there };
}

/** 1 for a request that fits, 0 for one that must be asked for alone, else its answer. */
function readVerdict(answer: unknown): Verdict {
  if (answer === 1) return "fits";
  return Array.isArray(answer) ? readReservation(answer) : "alone";
}

/** A script that stopped at what it was given. What the server refuses as such begins with another word than this. */
function isOfOne(error: unknown): boolean {
  return (
    error instanceof AgentplaneError && error.cause instanceof Error && error.cause.message.startsWith("ERR")
  );
}
