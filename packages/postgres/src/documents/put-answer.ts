import type { StoredDocument } from "@agentplane/core/store";

import { ServerFailure } from "../server-failure.ts";

/** What `put_document` answers: a document was written, or it is another by now. */
export type PutAnswer =
  | { readonly isWritten: true; readonly version: string; readonly change: number }
  | { readonly isWritten: false; readonly there: StoredDocument };

/**
 * Reads an answer of the server.
 * @throws ServerFailure for one that is not ours
 */
export function parsePut(answer: unknown): PutAnswer {
  // A driver that was told to leave JSON alone gives its text.
  const parsed: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
  const version = fieldOf(parsed, "version");
  if (typeof version === "string")
    return { isWritten: true, version, change: Number(fieldOf(parsed, "change")) };
  const there = fieldOf(parsed, "there");
  if (typeof there !== "string")
    throw new ServerFailure("PostgreSQL answered a write with something else", { kind: "unknown" });
  const json = fieldOf(parsed, "json");
  return { isWritten: false, there: { version: there, json: typeof json === "string" ? json : undefined } };
}

/** A field of what the server answered; undefined where there is none. */
export function fieldOf(answer: unknown, name: string): unknown {
  return typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;
}
