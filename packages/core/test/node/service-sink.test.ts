import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";

import { expect, onTestFinished, test } from "vitest";

import { readStoredLine } from "../../src/audit/chain.ts";
import { verifyLines } from "../../src/audit/verify.ts";
import { serviceSink, type ServiceSink, type ServiceSinkOptions } from "../../src/node/service-sink.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { controlRecord } from "../audit/records.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A service that stores what it gets once per key, and answers as it is told. */
interface FakeService {
  readonly url: string;
  readonly requests: { readonly key: string; readonly authorization: string | undefined }[];
  readonly lines: string[];
  /** What the next requests are answered with; `lost`: stored, and the connection is cut. */
  answers: (number | "lost")[];
}

async function startService(): Promise<FakeService> {
  const service: FakeService & { url: string } = { url: "", requests: [], lines: [], answers: [] };
  const seen = new Set<string>();
  const server: Server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const key = String(request.headers["idempotency-key"]);
      service.requests.push({ key, authorization: request.headers.authorization });
      const answer = service.answers.shift() ?? 200;
      if (answer === "lost" || answer === 200) {
        if (!seen.has(key)) service.lines.push(...body.split("\n").slice(0, -1));
        seen.add(key);
      }
      if (answer === "lost") request.socket.destroy();
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
  for (const wrong of [{ url: "ftp://x" }, { url: "nowhere" }, { retryMs: 0 }, { maxBatchBytes: -1 }])
    expect(() => open(service, wrong)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});
