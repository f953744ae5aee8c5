import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import { expect, onTestFinished, test } from "vitest";

import { readStoredLine } from "../../src/audit/chain.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import type { FetchLike } from "../../src/base/platform.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { nodeFileSystem } from "../../src/node/audit-file-system.ts";
import { createCheckpointTrust } from "../../src/node/checkpoint-trust.ts";
import { DeliveryCursorFile } from "../../src/node/delivery-cursor.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { SpoolDelivery } from "../../src/node/spool-delivery.ts";
import { serviceSink, type ServiceSink, type ServiceSinkOptions } from "../../src/node/service-sink.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const FIRST = "audit-000001.jsonl";

/** A service that stores what it gets once per key, and answers as it is told. */
interface FakeService {
  readonly url: string;
  readonly requests: { readonly key: string; readonly authorization: string | undefined }[];
  readonly lines: string[];
  /** What the next requests are answered with; `lost`: stored, and the connection is cut; `endless`: stored. */
  answers: (number | "lost" | "endless")[];
  /** How many connections are open. */
  readonly connections: () => Promise<number>;
}

async function startService(): Promise<FakeService> {
  const connections = (): Promise<number> => promisify(server.getConnections.bind(server))();
  const service: FakeService & { url: string } = {
    url: "",
    requests: [],
    lines: [],
    answers: [],
    connections,
  };
  const seen = new Set<string>();
  const server: Server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const key = String(request.headers["idempotency-key"]);
      service.requests.push({ key, authorization: request.headers.authorization });
      const answer = service.answers.shift() ?? 200;
      if (typeof answer === "string" || answer === 200) {
        if (!seen.has(key)) service.lines.push(...body.split("\n").slice(0, -1));
        seen.add(key);
      }
      if (answer === "lost") request.socket.destroy();
      else if (answer === "endless") response.writeHead(200).write("{");
      else response.writeHead(answer).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // Listening on a port, so it has an address.
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit`;
  return service;
}

function open(service: FakeService, options: Partial<ServiceSinkOptions> = {}): ServiceSink {
  const logger = createRecordingLogger();
  return serviceSink({
    url: service.url,
    directory: path.join(temporaryDirectory(), "spool"),
    retryMs: 5,
    ports: { logger },
    ...options,
  });
}

const subjectsOf = ({ lines }: FakeService): readonly string[] =>
  lines.map((line) => {
    const record: unknown = JSON.parse(readStoredLine(line)?.recordText ?? "");
    return (record as { readonly subject: string }).subject;
  });

test("delivers every record in order, in batches, as lines of a trail that verifies", async () => {
  const service = await startService();
  const sink = open(service, { headers: { authorization: "Bearer t" }, maxBatchBytes: 1_000 });
  const subjects = Array.from({ length: 20 }, (_, index) => `s${index}`);
  await Promise.all(subjects.map(async (subject) => sink.append(controlRecord(subject), "durable")));
  await sink.deliver();
  expect(subjectsOf(service)).toStrictEqual(subjects);
  expect(verifyLines(service.lines)).toMatchObject({ ok: true, lines: 20 });
  expect(service.requests.length).toBeGreaterThan(2);
  expect(service.requests[0]?.authorization).toBe("Bearer t");
  expect(sink.status()).toStrictEqual({ nextSeq: 20, failure: undefined });
  await sink.close();
});

test("a service that fails holds nothing up and loses nothing; an answer that was lost doubles nothing", async () => {
  const service = await startService();
  service.answers = [500, 401, "lost", 503];
  const logger = createRecordingLogger();
  const sink = open(service, { ports: { logger } });
  await sink.append(controlRecord("a"), "durable");
  await sink.append(controlRecord("b"), "durable");
  await expect.poll(() => subjectsOf(service), { timeout: 10_000 }).toStrictEqual(["a", "b"]);
  await expect
    .poll(() => sink.status(), { timeout: 10_000 })
    .toStrictEqual({ nextSeq: 2, failure: undefined });
  expect(logger.messages("error")).toHaveLength(1);
  expect(logger.messages("error")[0]).toContain("they wait on disk");
  expect(logger.messages("warn")).toStrictEqual(["audit records are delivered again"]);
  await sink.close();
});

test("what may have arrived is sent again as it was, also when more has come since", async () => {
  const service = await startService();
  service.answers = ["lost"];
  const logger = createRecordingLogger();
  const sink = open(service, { retryMs: 60_000, ports: { logger } });
  await sink.append(controlRecord("a"), "durable");
  await expect.poll(() => sink.status().failure, { timeout: 10_000 }).toBe("the service did not answer");
  await sink.append(controlRecord("b"), "durable");
  await sink.deliver();
  expect(subjectsOf(service)).toStrictEqual(["a", "b"]);
  const [first, again, next] = service.requests.map(({ key }) => key);
  expect(again).toBe(first);
  expect(next).not.toBe(first);
  // An address may hold a password: only its host is told.
  expect(logger.messages("error")[0]).toMatch(/^audit records cannot be delivered to 127\.0\.0\.1:\d+ \(/);
  await sink.close();
});

test("what a service says after its status is not waited for, and holds no connection open", async () => {
  const service = await startService();
  service.answers = Array.from({ length: 5 }, () => "endless" as const);
  const sink = open(service, { maxBatchBytes: 1 });
  for (let index = 0; index < 5; index++) void sink.append(controlRecord(`s${index}`), "buffered");
  await sink.deliver();
  expect(service.lines).toHaveLength(5);
  await expect.poll(service.connections).toBe(0);
  await sink.close();
});

test("never sends two requests at once, however it is woken", async () => {
  let [inFlight, most, sent] = [0, 0, 0];
  const fetch: FetchLike = async (_url, { body }) => {
    most = Math.max(most, (inFlight += 1));
    await new Promise((resolve) => setImmediate(resolve));
    sent += body.split("\n").length - 1;
    inFlight -= 1;
    return { ok: true, status: 200 };
  };
  const directory = path.join(temporaryDirectory(), "spool");
  const sink = serviceSink({ url: "https://audit.example", directory, maxBatchBytes: 300, ports: { fetch } });
  const all = Array.from({ length: 30 }, async (_, index) => {
    await sink.append(controlRecord(`s${index}`), index % 2 === 0 ? "durable" : "buffered");
    if (index % 5 === 0) await sink.deliver();
  });
  await Promise.all(all);
  await sink.deliver();
  expect({ most, sent }).toStrictEqual({ most: 1, sent: 30 });
  await sink.close();
});

test.each(["durable", "buffered"] as const)(
  "a %s record that comes during a request follows it",
  async (mode) => {
    const bodies: string[] = [];
    let answer = (): void => undefined;
    const fetch: FetchLike = async (_url, { body }) => {
      bodies.push(body);
      if (bodies.length === 1) await new Promise<void>((resolve) => (answer = resolve));
      return { ok: true, status: 200 };
    };
    const directory = path.join(temporaryDirectory(), "spool");
    const sink = serviceSink({ url: "https://audit.example", directory, ports: { fetch } });
    await sink.append(controlRecord("a"), "durable");
    await expect.poll(() => bodies.length, { timeout: 10_000 }).toBe(1);
    await sink.append(controlRecord("b"), mode);
    answer();
    await expect.poll(() => bodies.length, { timeout: 10_000 }).toBe(2);
    expect(bodies[1]).toContain('"subject":"b"');
    await sink.close();
  },
);

test("sends only what is on the disk", async () => {
  const directory = temporaryDirectory();
  const trail = jsonlSink({ directory });
  for (const subject of ["a", "b"]) void trail.append(controlRecord(subject), "buffered");
  await trail.close();
  const events: string[] = [];
  let safe = 1;
  const delivery = new SpoolDelivery({
    ...createPorts(),
    directory,
    files: nodeFileSystem,
    cursor: new DeliveryCursorFile({
      directory,
      files: nodeFileSystem,
      trail: trail.trail,
      trust: createCheckpointTrust({}),
    }),
    sync: async () => {
      events.push("synced");
      return safe;
    },
    request: {
      url: "https://audit.example",
      headers: {},
      fetch: async (_url, { body }) => {
        events.push(`sent ${body.split("\n").length - 1}`);
        return { ok: true, status: 200 };
      },
    },
    maxBatchBytes: 10_000,
    timeoutMs: 1_000,
    retryMs: 1_000,
  });
  await delivery.drain();
  expect(events).toStrictEqual(["synced", "sent 1"]);
  safe = 2;
  await delivery.drain();
  expect(events).toStrictEqual(["synced", "sent 1", "synced", "sent 1"]);
  await delivery.stop();
});

test.each([
  ["lines that were delivered are gone", (spool: string) => truncateSync(path.join(spool, FIRST), 0)],
  ["its place is unreadable", (spool: string) => writeFileSync(path.join(spool, "delivered.note"), "{")],
])("refuses a spool that was changed (%s), and gives it back", async (_what, change) => {
  const service = await startService();
  const directory = path.join(temporaryDirectory(), "spool");
  const sink = open(service, { directory });
  await sink.append(controlRecord("a"), "durable");
  await sink.deliver();
  await sink.close();
  for (const name of readdirSync(directory))
    if (name.endsWith(".checkpoint")) rmSync(path.join(directory, name));
  change(directory);
  expect(() => open(service, { directory })).toThrow(expect.objectContaining({ code: "audit_corrupt" }));
  await expect.poll(() => readdirSync(directory), { timeout: 10_000 }).not.toContain("audit.lock");
});

test("goes on after a restart with what was not delivered", async () => {
  const service = await startService();
  const directory = path.join(temporaryDirectory(), "spool");
  service.answers = [200, 500, 500, 500, 500];
  const first = open(service, { directory, retryMs: 60_000 });
  await first.append(controlRecord("a"), "durable");
  await first.deliver();
  await first.append(controlRecord("b"), "durable");
  await expect(first.deliver()).rejects.toMatchObject({ code: "audit_failed" });
  await first.close();
  service.answers = [];
  const second = open(service, { directory });
  void second.append(controlRecord("c"), "buffered");
  await second.deliver();
  expect(subjectsOf(service)).toStrictEqual(["a", "b", "c"]);
  await second.close();
});

test("retention removes nothing that was not delivered", async () => {
  const service = await startService();
  service.answers = Array.from({ length: 1_000 }, () => 503);
  const sink = open(service, { maxSegmentBytes: 10, retention: { maxBytes: 1 } });
  for (const subject of ["a", "b", "c", "d"]) {
    // oxlint-disable-next-line no-await-in-loop -- each in a segment of its own
    await sink.append(controlRecord(subject), "durable");
  }
  service.answers = [];
  await sink.deliver();
  expect(subjectsOf(service).filter((subject) => subject.length === 1)).toStrictEqual(["a", "b", "c", "d"]);
  await sink.close();
});

test("a second process in the same spool, and options that cannot be meant, are refused", async () => {
  const service = await startService();
  const directory = path.join(temporaryDirectory(), "spool");
  const sink = open(service, { directory });
  expect(() => open(service, { directory })).toThrow(/used by another process/);
  await sink.close();
  for (const wrong of [
    { url: "ftp://x" },
    { url: "nowhere" },
    { url: "http://far.example" },
    { retryMs: 0 },
    { maxBatchBytes: -1 },
  ])
    expect(() => open(service, wrong)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});
