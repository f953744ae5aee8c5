import type { AuditRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { AgentplaneError, ConfigError, type ConfigIssue } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { parseWebhookUrl } from "../notify/webhook-url.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import { createCheckpointTrust } from "./checkpoint-trust.ts";
import { DeliveryCursorFile, type CursorPlace } from "./delivery-cursor.ts";
import { jsonlSink, type JsonlSink } from "./jsonl-sink.ts";
import type { JsonlSinkOptions } from "./jsonl-sink-options.ts";
import { unknownOptions, type OptionNames } from "./option-names.ts";
import { SpoolDelivery, type SpoolDeliveryOptions, type SpoolStatus } from "./spool-delivery.ts";

/** Where records are delivered, and where they wait. */
export interface ServiceSinkOptions extends Pick<
  JsonlSinkOptions,
  "key" | "trustedKeys" | "checkpointMs" | "publishTo" | "retention" | "maxSegmentBytes" | "maxSegmentMs"
> {
  /** Takes lines of the trail as the body of a POST (`application/x-ndjson`); https outside of this machine. */
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

const KNOWN: OptionNames<ServiceSinkOptions> = {
  key: true,
  trustedKeys: true,
  checkpointMs: true,
  publishTo: true,
  retention: true,
  maxSegmentBytes: true,
  maxSegmentMs: true,
  url: true,
  headers: true,
  directory: true,
  maxBatchBytes: true,
  timeoutMs: true,
  retryMs: true,
  ports: true,
};

const DEFAULTS = { maxBatchBytes: 256 * 1024, timeoutMs: 10_000, retryMs: 1_000 };

/**
 * Delivers the audit trail to a service over HTTP, at least once and in order: every record is first written to a trail
 * on disk (`durable` waits for that, not for the service), then sent from there. After a crash or an outage it goes on
 * where it was; a batch whose answer was lost is sent again with the same `idempotency-key`, by a later process perhaps
 * with more lines: their `hash` tells a service which it has. Retention removes what was delivered, nothing else; without
 * it the spool stays a whole trail. With a `key` the place where it goes on is signed, too.
 * @throws ConfigError for an unknown option, a url that is not https (or http on this machine) and numbers below 1; AgentplaneError
 *   `audit_failed` when another process uses the directory, `audit_corrupt` when it was changed
 */
export function serviceSink(options: ServiceSinkOptions): ServiceSink {
  checkOptions(options);
  const { directory, ports: given, url, headers = {}, maxBatchBytes, timeoutMs, ...trail } = options;
  const ports = createPorts(given);
  const { fetch } = ports;
  if (fetch === undefined) throw wrong([{ path: "ports.fetch", message: "is missing on this platform" }]);
  const trust = createCheckpointTrust(options);
  const spool = jsonlSink({
    ...trail,
    directory,
    ...(given && { ports: given }),
    mayRemove: (number) => delivery.isDelivered(number),
  });
  const delivery = startDelivery(spool, {
    ...DEFAULTS,
    ...trail,
    ...(maxBatchBytes !== undefined && { maxBatchBytes }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...ports,
    directory,
    files: nodeFileSystem,
    request: { url, headers, fetch },
    trust,
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
      await delivery.stop();
      await spool.close();
    },
    status: () => delivery.status(),
    deliver: () => delivery.drain(),
  };
}

/** What cannot be delivered from is given back. */
function startDelivery(
  spool: JsonlSink,
  options: Omit<SpoolDeliveryOptions, "sync" | "cursor"> & Pick<CursorPlace, "files" | "trust">,
): SpoolDelivery {
  const { directory } = options;
  try {
    if (spool.end.writer !== 1) {
      const message = `the spool in ${directory} is used by another process; give each process a directory of its own (one that crashed in another container has its lock for 30 s)`;
      throw new AgentplaneError("audit_failed", message, { data: { directory } });
    }
    const sync = async (): Promise<number> => {
      await spool.flush();
      return spool.written.seq;
    };
    const cursor = new DeliveryCursorFile({ ...options, trail: spool.trail });
    return new SpoolDelivery({ ...options, sync, cursor });
  } catch (error) {
    // What is wrong is thrown below; that nothing could be sealed adds nothing.
    spool.close().catch(() => undefined);
    throw error;
  }
}

function checkOptions(options: ServiceSinkOptions): void {
  const issues = unknownOptions(options, KNOWN);
  const address = parseWebhookUrl(options.url);
  if (typeof address === "string") issues.push({ path: "url", message: address });
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
