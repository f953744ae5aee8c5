import type { AuditSink } from "../audit/audit-sink.ts";
import { ConfigError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { unknownOptions, type OptionNames } from "./option-names.ts";
import type { Processes } from "./processes.ts";
import type { Retention } from "./retention.ts";

/** Where and how the audit trail is written. */
export interface JsonlSinkOptions {
  /** Created if need be. Several processes may share it: each writes segments of its own, joined by checkpoints. */
  readonly directory: string;
  /** A new segment is begun above this length, at most 256 MiB: a start reads one whole. Default 64 MiB. */
  readonly maxSegmentBytes?: number;
  /** A new segment is begun when one is older, in ms. Default a day. */
  readonly maxSegmentMs?: number;
  /** How long ended segments are kept. Default: for good. */
  readonly retention?: Retention;
  /** Asked before retention removes a segment, by its number; false keeps it and all later ones. Default: yes. */
  readonly mayRemove?: (segment: number) => boolean;
  /** Compress ended segments (`audit-000001.jsonl.gz`). Default false. */
  readonly gzip?: boolean;
  /** Signs checkpoints: the private key of `generateAuditKeys`. Default: they are not signed. */
  readonly key?: string;
  /**
   * Whose checkpoints this process goes on from beside its own: public keys of `generateAuditKeys` that it had before,
   * and for one start `"unsigned"`, to sign a trail that was not signed. Default: its own alone.
   */
  readonly trustedKeys?: readonly string[];
  /** The latest that lines are sealed by a checkpoint after they were written, in ms. Default 60,000. */
  readonly checkpointMs?: number;
  /**
   * Gets a record `audit_checkpoint` with the note of every checkpoint. Kept where who can write the directory cannot,
   * it finds a trail that lost its end: see `published` of `verifyDirectory`.
   */
  readonly publishTo?: Pick<AuditSink, "append">;
  /** Whether `durable` waits for the disk (fdatasync). Default true; false trusts the system not to crash. */
  readonly fsync?: boolean;
  /** How long a buffered record may wait for company, in ms. Default 100. */
  readonly bufferMs?: number;
  /** When to try again after a failure, in ms. Default 1,000. */
  readonly retryMs?: number;
  /** Above this many characters in memory, buffered records wait for the disk too. Default 4 Mi. */
  readonly maxBufferedChars?: number;
  /**
   * Above this many characters in memory no record is taken until the disk has taken some: it does not keep up. Default
   * 64 Mi, and at most: they may become one group, and a segment with it must be one that a start can read.
   */
  readonly maxWaitingChars?: number;
  /** For tests and special environments. */
  readonly ports?: Partial<Pick<Ports, "clock" | "hash" | "timers" | "logger">>;
  readonly files?: AuditFileSystem;
  readonly processes?: Processes;
}

/** What holds for options that are not given. */
export const JSONL_DEFAULTS = {
  maxSegmentBytes: 64 * 1024 * 1024,
  maxSegmentMs: 86_400_000,
  checkpointMs: 60_000,
  bufferMs: 100,
  retryMs: 1_000,
  maxBufferedChars: 4 * 1024 * 1024,
  maxWaitingChars: 64 * 1024 * 1024,
  fsync: true,
  gzip: false,
  retention: {},
};

const KNOWN: OptionNames<JsonlSinkOptions> = {
  directory: true,
  maxSegmentBytes: true,
  maxSegmentMs: true,
  retention: true,
  mayRemove: true,
  gzip: true,
  key: true,
  trustedKeys: true,
  checkpointMs: true,
  publishTo: true,
  fsync: true,
  bufferMs: true,
  retryMs: true,
  maxBufferedChars: true,
  maxWaitingChars: true,
  ports: true,
  files: true,
  processes: true,
};

const KNOWN_OF_RETENTION: OptionNames<Retention> = { maxMs: true, maxBytes: true };

/**
 * A start reads the newest segment as text, of which Node.js makes half a Gi; one group may come on top of it, and a
 * character has up to three bytes.
 */
const MAXIMA: Readonly<Record<string, number>> = {
  maxSegmentBytes: 256 * 1024 * 1024,
  maxWaitingChars: JSONL_DEFAULTS.maxWaitingChars,
};

/** @throws ConfigError for unknown options, numbers below 1, and segments that no start could read */
export function checkJsonlOptions(options: JsonlSinkOptions): void {
  const unknown = [
    ...unknownOptions(options, KNOWN),
    ...unknownOptions(options.retention ?? {}, KNOWN_OF_RETENTION).map((issue) => ({
      ...issue,
      path: `retention.${issue.path}`,
    })),
  ];
  const { maxMs, maxBytes } = options.retention ?? {};
  const { maxSegmentBytes, maxSegmentMs, checkpointMs, bufferMs, retryMs } = options;
  const { maxBufferedChars, maxWaitingChars } = options;
  const numbers = { maxSegmentBytes, maxSegmentMs, checkpointMs, bufferMs, retryMs };
  const bounds = { maxBufferedChars, maxWaitingChars };
  const all = { ...numbers, ...bounds, "retention.maxMs": maxMs, "retention.maxBytes": maxBytes };
  const numberIssues = Object.entries(all).flatMap(([path, value]) => {
    if (value === undefined) return [];
    if (!Number.isSafeInteger(value) || value < 1)
      return [{ path, message: `must be a whole number from 1, not ${value}` }];
    const most = MAXIMA[path] ?? value;
    return value > most
      ? [{ path, message: `must be at most ${most} (${most / 1024 / 1024} Mi), not ${value}` }]
      : [];
  });
  const issues = [...unknown, ...numberIssues];
  if (issues.length > 0) throw new ConfigError("jsonlSink", issues);
}
