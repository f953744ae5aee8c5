import { describe, expect, test } from "vitest";

import { gatedAt } from "./gated-rule.ts";
import { callOf, request, wiredRelay, type WiredRelay } from "./wired-relay.ts";

const INITIALIZE = request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} });
const BEGUN = { jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } };
const INITIALIZED = { jsonrpc: "2.0", method: "notifications/initialized" };
const cancel = (requestId: number): Record<string, unknown> => ({
  jsonrpc: "2.0",
  method: "notifications/cancelled",
  params: { requestId },
});

const told = ({ toServer }: WiredRelay): readonly unknown[] =>
  toServer.map((text) => (JSON.parse(text) as { method?: string }).method);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** All that a client has to say, said at once. */
function sayAll({ client }: WiredRelay): void {
  client(INITIALIZE);
  client(INITIALIZED);
  client(callOf(1, "read"));
  client(request(2, "tools/list"));
}

describe("what a client says together with its initialize", () => {
  test("reaches the server after that was answered, in the order in which it was said", async () => {
    const wired = wiredRelay();
    sayAll(wired);
    await wired.asked(1);
    await settled();
    expect(told(wired)).toStrictEqual(["initialize"]);
    wired.server(BEGUN);
    await wired.asked(4);
    expect(told(wired).slice(0, 3)).toStrictEqual(["initialize", "notifications/initialized", "tools/call"]);
    // The client hears first that it has begun.
    expect(JSON.parse(wired.toClient[0] ?? "")).toHaveProperty("id", 0);
    await wired.plane.close();
  });

  test("waits also while rules think about the beginning, and each gets its answer", async () => {
    const { planeOptions, asked, letGo } = gatedAt("before_agent");
    const wired = wiredRelay(planeOptions, {
      serve: ({ id, method }) => (id === undefined ? undefined : { result: { method } }),
    });
    sayAll(wired);
    await expect.poll(asked).toBeGreaterThan(0);
    await settled();
    expect(told(wired)).toStrictEqual([]);
    letGo();
    await Promise.all([0, 1, 2].map((id) => wired.answer(id)));
    expect(told(wired)).toStrictEqual([
      "initialize",
      "notifications/initialized",
      "tools/call",
      "tools/list",
    ]);
    await wired.plane.close();
  });

  test("goes on where the server refuses to begin, but for what the client has given up", async () => {
    const wired = wiredRelay();
    sayAll(wired);
    wired.client(cancel(1));
    await wired.asked(1);
    wired.client({ jsonrpc: "2.0", id: 3, method: "ping" });
    await wired.asked(2);
    // A ping needs no session.
    expect(told(wired)).toStrictEqual(["initialize", "ping"]);
    wired.server({ jsonrpc: "2.0", id: 0, error: { code: -32_602, message: "no such version" } });
    await wired.asked(4);
    await settled();
    expect(told(wired)).toStrictEqual(["initialize", "ping", "notifications/initialized", "tools/list"]);
    await wired.plane.close();
  });

  test("does not wait for a beginning that the client gives up", async () => {
    const wired = wiredRelay();
    sayAll(wired);
    await wired.asked(1);
    wired.client(cancel(0));
    await wired.asked(5);
    expect(told(wired).slice(0, 4)).toStrictEqual([
      "initialize",
      "notifications/cancelled",
      "notifications/initialized",
      "tools/call",
    ]);
    await wired.plane.close();
  });

  test("is not kept without end", async () => {
    const logged: string[] = [];
    const wired = wiredRelay({}, { log: (line) => void logged.push(line) });
    wired.client(INITIALIZE);
    for (let count = 0; count < 1_001; count++) wired.client(INITIALIZED);
    expect(logged).toStrictEqual([
      "a notifications/initialized of the client's was dropped: too many at once",
    ]);
    await wired.plane.close();
  });
});
