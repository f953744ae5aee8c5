import { setTimeout } from "node:timers/promises";

import type { AuditRecord } from "@agentplane/core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { auditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit, type PostgresAudit } from "../src/audit/postgres-audit.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

describe.skipIf(!canStartServers)("an audit trail whose server fails", () => {
  let server: PrivateServer;
  let schema = "";
  let sink: PostgresAudit;
  const record = (subject: string): AuditRecord => ({
    kind: "control",
    at: Date.now(),
    action: "a",
    by: "b",
    subject,
  });
  const open = (maxBufferedChars = 1_000_000): PostgresAudit =>
    postgresAudit({
      connectionString: server.url,
      schema,
      timeoutMs: 1_000,
      bufferMs: 20,
      retryMs: 100,
      maxBufferedChars,
      ports: { logger: QUIET },
    });
  const written = async (): Promise<AuditRecord[]> => {
    const trail = auditTrail({ connectionString: server.url, schema });
    const reports = await trail.verify({ [sink.writer]: sink.end });
    expect(reports.map(({ ok }) => ok)).not.toContain(false);
    const records: AuditRecord[] = [];
    for await (const line of trail.lines(sink.writer)) records.push(JSON.parse(line).record);
    await trail.close();
    return records;
  };

  beforeAll(async () => {
    server = await PrivateServer.create();
  }, 60_000);
  afterAll(() => server.destroy());
  beforeEach(async () => {
    server.resume();
    schema = `s${Math.random().toString(36).slice(2)}`;
    sink = open();
    await sink.append(record("before"), "durable");
    return async () => sink.close();
  });

  test("refuses what is durable, keeps everything, and tells what came late", async () => {
    await server.stop();
    const began = performance.now();
    await expect(sink.append(record("durable"), "durable")).rejects.toMatchObject({ code: "audit_failed" });
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(sink.append(record("buffered"), "buffered")).toBeUndefined();
    await server.start();
    await expect
      .poll(
        () =>
          sink.flush().then(
            () => "written",
            () => "not yet",
          ),
        { timeout: 5_000 },
      )
      .toBe("written");
    await sink.flush();
    expect((await written()).map((one) => ("subject" in one ? one.subject : one.kind))).toEqual([
      "before",
      "durable",
      "buffered",
      "audit",
    ]);
    const gap = (await written()).at(-1);
    expect(gap).toMatchObject({ action: "audit_gap", data: { records: 0 } });
  });

  test("never doubles a group whose commit was not answered", async () => {
    server.pause();
    const lost = Promise.allSettled(
      Array.from({ length: 20 }, async (_, index) => sink.append(record(`n${index}`), "durable")),
    );
    await lost;
    await setTimeout(300);
    server.resume();
    await expect
      .poll(
        () =>
          sink.flush().then(
            () => "written",
            () => "not yet",
          ),
        { timeout: 8_000 },
      )
      .toBe("written");
    // The record of what came late, too.
    await sink.flush();
    const subjects = (await written()).flatMap((one) =>
      "subject" in one && one.subject.startsWith("n") ? [one.subject] : [],
    );
    expect(subjects).toEqual(Array.from({ length: 20 }, (_, index) => `n${index}`));
  });

  test("tells what came late also when it is closed before that was written", async () => {
    await server.stop();
    await expect(sink.append(record("durable"), "durable")).rejects.toMatchObject({ code: "audit_failed" });
    await server.start();
    await sink.close();
    expect((await written()).map((one) => ("subject" in one ? one.subject : one.kind))).toEqual([
      "before",
      "durable",
      "audit",
    ]);
  });

  test("counts what it has no room for", async () => {
    await sink.close();
    sink = open(2_000);
    await sink.append(record("before"), "durable");
    await server.stop();
    const taken = Array.from({ length: 30 }, async (_, index) =>
      sink.append(record(`n${index}`), "buffered"),
    );
    const answers = await Promise.allSettled(taken);
    const refused = answers.filter(({ status }) => status === "rejected").length;
    expect(refused).toBeGreaterThan(0);
    // Full and known to fail: refused at once, and not forgotten.
    await expect(sink.append(record("more"), "buffered")).rejects.toMatchObject({ code: "audit_failed" });
    await server.start();
    await expect
      .poll(
        () =>
          sink.flush().then(
            () => "written",
            () => "not yet",
          ),
        { timeout: 5_000 },
      )
      .toBe("written");
    await sink.flush();
    const gap = (await written()).find((one) => one.kind === "control" && one.action === "audit_gap");
    expect(gap).toMatchObject({ data: { cause: expect.any(String) } });
    const records = await written();
    const lost = gap?.kind === "control" ? Number(gap.data?.["records"]) : 0;
    const kept = records.filter((one) => one.kind === "control" && one.subject.startsWith("n")).length;
    expect(lost).toBeGreaterThan(0);
    expect(kept + lost).toBe(31);
  });
});
