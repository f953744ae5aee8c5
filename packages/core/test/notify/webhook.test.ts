import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";
import type { NotifierDeps } from "../../src/notify/notifier-deps.ts";
import { createNotifier } from "../../src/notify/notifier.ts";
import { ALERT, createBench, type Bench } from "./channel-bench.ts";

const URL_OF_TEAM = "https://alerts.example.com/hook?token=t0ps3cret";

const send = (bench: Bench) =>
  createNotifier({ channel: "webhook", url: URL_OF_TEAM, secret: { env: "ALERT_KEY" } }, bench.deps).notify(
    ALERT,
  );

test("signs the timestamp and the body, so that a receiver can check both", async () => {
  const bench = createBench();
  await send(bench);
  const [request] = bench.sent;
  const { headers = {}, body = "", redirect } = request?.init ?? {};
  const timestamp = headers["agentplane-timestamp"] ?? "";
  expect(timestamp).toBe("1700000000");
  expect(headers["agentplane-signature"]).toBe(
    `v1=${createHmac("sha256", "s3cret").update(`${timestamp}.${body}`).digest("hex")}`,
  );
  expect(redirect).toBe("error");
  expect(JSON.parse(body)).toStrictEqual({ ...ALERT, at: 1_700_000_000_123 });
});

test("takes an address that is a secret from the environment", async () => {
  const bench = createBench();
  await createNotifier({ channel: "webhook", url: { env: "SLACK_URL" } }, bench.deps).notify(ALERT);
  expect(bench.sent[0]?.url).toBe("https://hooks.slack.test/T/B/x");
  const unset = { channel: "webhook", url: { env: "NOT_SET" } } as const;
  expect(() => createNotifier(unset, bench.deps)).toThrow(/NOT_SET is not set/);
});

test("sends no signature without a secret", async () => {
  const bench = createBench();
  await createNotifier({ channel: "webhook", url: URL_OF_TEAM }, bench.deps).notify(ALERT);
  expect(Object.keys(bench.sent[0]?.init.headers ?? {})).not.toContain("agentplane-signature");
});

test("tries again with growing waits, the same bytes each time, until it is delivered", async () => {
  const bench = createBench([503, "down", 429, 200]);
  const done = send(bench);
  const waits: number[] = [];
  await bench.fireAll((delayMs) => waits.push(delayMs));
  await done;
  expect(waits).toStrictEqual([500, 1_000, 2_000]);
  expect(new Set(bench.sent.map(({ init }) => JSON.stringify([init.headers, init.body]))).size).toBe(1);
  expect(bench.sent).toHaveLength(4);
});

test("gives up after the last retry, naming the host and no more of the address", async () => {
  const bench = createBench(["down"]);
  const done = Promise.resolve(send(bench)).then(
    () => undefined,
    (error: unknown) => error,
  );
  await bench.fireAll();
  const error = await done;
  expect(error).toMatchObject({
    code: "alert_failed",
    message: expect.stringContaining("alerts.example.com"),
  });
  expect(String(error)).not.toContain("t0ps3cret");
  expect(bench.sent).toHaveLength(4);
});

test("does not repeat what the receiver refused", async () => {
  const bench = createBench([400]);
  await expect(send(bench)).rejects.toThrow(/status 400/);
  expect(bench.sent).toHaveLength(1);
});

test("aborts an attempt that gets no answer, and goes on with the next", async () => {
  const bench = createBench(["hang", 200]);
  const done = send(bench);
  await bench.settle();
  expect(bench.waiting()).toStrictEqual([5_000]);
  await bench.fireNext();
  expect(bench.sent[0]?.init.signal.aborted).toBe(true);
  expect(bench.waiting()).toStrictEqual([500]);
  await bench.fireNext();
  await done;
  expect(bench.sent).toHaveLength(2);
});

test("is a load error without the secret it names, or without fetch", () => {
  const { deps } = createBench();
  const target = { channel: "webhook", url: URL_OF_TEAM, secret: { env: "MISSING" } } as const;
  expect(() => createNotifier(target, deps)).toThrow(/secret: the environment variable MISSING is not set/);
  expect(() =>
    createNotifier({ channel: "webhook", url: URL_OF_TEAM }, { ...deps, fetch: undefined }),
  ).toThrow(/fetch/);
});

test("holds no connection to a receiver that never ends its answer", async () => {
  const server = createServer((_, response) => void response.writeHead(200).write("{"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const kept: unknown[] = [];
  const fetch: NotifierDeps["fetch"] = async (...request) => {
    const answer = await createPorts().fetch?.(...request);
    // Else the collector may let go of it first.
    kept.push(answer);
    return answer ?? { ok: false, status: 0 };
  };
  const deps = { ...createBench().deps, fetch };
  await createNotifier({ channel: "webhook", url: `http://127.0.0.1:${port}/` }, deps).notify(ALERT);
  await expect.poll(() => promisify(server.getConnections.bind(server))()).toBe(0);
  server.close();
  expect(kept).toMatchObject([{ status: 200 }]);
});

test("reaches a real server, and does not follow a redirect", async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(request.url === "/moved" ? 302 : 204, { location: "/secret" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const deps = { ...createBench().deps, fetch: createPorts().fetch, timers: { set: skipWaits } };
  await createNotifier({ channel: "webhook", url: `http://127.0.0.1:${port}/hook` }, deps).notify(ALERT);
  const moved = createNotifier({ channel: "webhook", url: `http://127.0.0.1:${port}/moved` }, deps);
  await expect(moved.notify(ALERT)).rejects.toThrow(/redirected/);
  server.close();
  expect(seen).toContain("POST /hook");
  expect(seen).not.toContain("POST /secret");
});

/** Waits between attempts pass at once; the limit of an attempt never does. */
function skipWaits(run: () => void, delayMs: number): () => void {
  if (delayMs < 5_000) queueMicrotask(run);
  return () => undefined;
}
