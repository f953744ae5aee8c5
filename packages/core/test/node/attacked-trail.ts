import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect } from "vitest";

import type { AuditRecord, ControlRecord } from "../../src/audit/audit-record.ts";
import { readStoredLine } from "../../src/audit/chain.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink, type JsonlSink } from "../../src/node/jsonl-sink.ts";
import { generateAuditKeys } from "../../src/node/signed-note.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

// A signed trail, and what somebody does to it who can write its directory and does not have the key.

/** The key of the process. */
export const mine = generateAuditKeys("audit.example/mine");
/** Of somebody else. */
export const theirs = generateAuditKeys("audit.example/theirs");
/** How the process writes. */
export const SIGNED = { key: mine.privateKey, fsync: false, maxSegmentBytes: 650 };
/** How it is verified. */
export const KEYS = { keys: [mine.publicKey] };
/** What a process says that does not go on. */
export const corrupt: unknown = expect.objectContaining({ code: "audit_corrupt" });

/** Not there yet. */
export const newDirectory = (): string => path.join(temporaryDirectory(), "audit");
/** A segment of the first writer. */
export const fileOf = (directory: string, number: number): string =>
  path.join(directory, `audit-00000${number}.jsonl`);
/** Its checkpoint. */
export const checkpointOf = (directory: string, number: number): string =>
  fileOf(directory, number).replace("jsonl", "checkpoint");

/** Writes records one after the other. */
export async function write(sink: JsonlSink, ...subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) {
    // oxlint-disable-next-line no-await-in-loop -- each its own group, so that each may begin a segment
    await sink.append(controlRecord(subject), "durable");
  }
}

/** A trail of nine records over five segments. */
export async function trail(options: Partial<JsonlSinkOptions> = {}): Promise<string> {
  const directory = newDirectory();
  const sink = jsonlSink({ directory, ...SIGNED, ...options });
  await write(sink, ...Array.from({ length: 9 }, (_, index) => `s${index}`));
  await sink.close();
  return directory;
}

/** The directory as it is at this moment: what a process that is killed now leaves. */
export function asKilled(directory: string): string {
  const copy = newDirectory();
  cpSync(directory, copy, { recursive: true, filter: (name) => !name.endsWith(".lock") });
  return copy;
}

/** What the trail says of itself. */
export function controlsOf(directory: string, action: string): readonly ControlRecord[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(path.join(directory, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(readStoredLine(line)?.recordText ?? "{}") as AuditRecord)
    .flatMap((record) => (record.kind === "control" && record.action === action ? [record] : []));
}

/** Takes the signatures off, which anybody can. */
export function unsign(directory: string): void {
  for (const name of readdirSync(directory).filter((file) => file.endsWith(".checkpoint"))) {
    const file = path.join(directory, name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/\n\u2014.*/s, "\n"));
  }
}
