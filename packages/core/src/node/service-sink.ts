import path from "node:path";

import type { AuditRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { AgentplaneError, ConfigError, type ConfigIssue } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import { jsonlSink, type JsonlSinkOptions } from "./jsonl-sink.ts";
import { SpoolDelivery, type SpoolStatus } from "./spool-delivery.ts";

/** Where records are delivered, and where they wait. */
export interface ServiceSinkOptions extends Pick<
  JsonlSinkOptions,
  "key" | "checkpointMs" | "publishTo" | "retention" | "maxSegmentBytes" | "maxSegmentMs"
> {
  /** Takes lines of the trail as the body of a POST (`application/x-ndjson`). */
  readonly url: string;
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Where records wait until they are delivered; of this process alone. */
  readonly directory: string;
  /** The most that one request carries, in bytes; one line is never split. Default 256 KiB. */
  readonly maxBatchBytes?: number;
  /** How long one request may take, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** The first pause after a failure, in ms; doubled up to a minute. Default 1,000. */
  readonly retryMs?: number;
  /** For tests. */
  readonly ports?: Partial<Pick<Ports, "clock" | "hash" | "timers" | "logger" | "fetch" | "createAbort">>;
}

/** A sink that spools on disk and delivers. */
export interface ServiceSink extends AuditSink {
  /** How much waits, and why. */
  status(): SpoolStatus;
  /** Tries now; settles when everything taken so far is delivered, rejects with the first failure. */
  deliver(): Promise<void>;
}

const DEFAULTS = { maxBatchBytes: 256 * 1024, timeoutMs: 10_000, retryMs: 1_000 };

/**
 * Delivers the audit trail to a service over HTTP, at least once and in order: every record is first written to a trail
 * on disk (`durable` waits for that, not for the service), then sent from there. After a crash or an outage it goes on
 * where it was; a batch whose answer was lost is sent again with the same `idempotency-key`. Nothing that was not
 * delivered is removed by retention.
 * @throws ConfigError for a url that is not http(s) and numbers below 1; AgentplaneError `audit_failed` when another
 *   process uses the directory
 */
export function serviceSink(options: ServiceSinkOptions): ServiceSink {
  checkOptions(options);
  const { directory, ports: given, url, headers = {}, ...trail } = options;
  const ports = createPorts(given);
  const { fetch } = ports;
  if (fetch === undefined) throw wrong([{ path: "ports.fetch", message: "is missing on this platform" }]);
  const spool = jsonlSink({
    ...trail,
    directory,
    ...(given && { ports: given }),
    mayRemove: (number) => delivery.isDelivered(number),
  });
  if (spool.end.writer !== 1) {
    void spool.close();
    const message = `the spool in ${directory} is used by another process; give each process a directory of its own`;
    throw new AgentplaneError("audit_failed", message, { data: { directory } });
  }
  const delivery: SpoolDelivery = new SpoolDelivery({
    ...DEFAULTS,
    ...trail,
    ...ports,
    directory,
    writtenSeq: () => spool.written.seq,
    files: nodeFileSystem,
    request: { url, headers, fetch },
    cursorFile: path.join(directory, "delivered.json"),
  });
  delivery.start();
  const written = async (): Promise<void> => {
    await spool.flush();
    delivery.wake();
  };
  return {
    append(record: AuditRecord, mode) {
      const done = spool.append(record, mode);
      if (done === undefined) return delivery.wakeLater();
      return done.then(() => delivery.wake());
    },
    flush: written,
    async close() {
      await spool.flush();
      await delivery.stop();
      await spool.close();
    },
    status: () => delivery.status(),
    async deliver() {
      await spool.flush();
      await delivery.drain();
    },
  };
}

function checkOptions(options: ServiceSinkOptions): void {
  const issues: ConfigIssue[] = [];
  if (!/^https?:\/\//i.test(options.url) || !URL.canParse(options.url))
    issues.push({ path: "url", message: "must be an http(s) address" });
  for (const name of ["maxBatchBytes", "timeoutMs", "retryMs"] as const) {
    const value = options[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      issues.push({ path: name, message: `must be a whole number from 1, not ${value}` });
  }
  if (issues.length > 0) throw wrong(issues);
}

function wrong(issues: readonly ConfigIssue[]): ConfigError {
  return new ConfigError("serviceSink", issues);
}
