import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { readFrames } from "../../src/frame/frame.ts";
import { callOf, request, wiredRelay } from "../wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"], from: ["response"] })] };
const text = (words: string): Record<string, unknown> => ({
  result: { content: [{ type: "text", text: words }] },
});
const bytes = (line: string): Uint8Array => new TextEncoder().encode(line);

describe("a client that says two things at once", () => {
  test.each([
    ["method", '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"wipe"}}'],
    ["tool", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","Name":"wipe"}}'],
    ["tool, with a long s", '{"jsonrpc":"2.0","id":1,"method":"x","params":{"s":1,"\\u017f":2}}'],
    [
      "parameters",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"},"PARAMS":{"name":"wipe"}}',
    ],
    [
      "resource",
      '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"open:1","URI":"secret:1"}}',
    ],
    [
      "prompt",
      '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","Name":"b"},"argument":{"name":"a","value":""}}}',
    ],
    [
      "tool, in a batch",
      '[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","NAME":"wipe"}}]',
    ],
  ])("to a server that does not care about case is refused: %s", (_name, line) => {
    const wired = wiredRelay();
    wired.client(line);
    expect(wired.toServer).toStrictEqual([]);
    expect(wired.toClient[0]).toContain("ambiguous key");
  });

  test("names that differ in case are a tool's own affair in its arguments", async () => {
    const wired = wiredRelay({}, { serve: () => text("ok") });
    wired.client(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","arguments":{"a":1,"A":2}}}',
    );
    expect(await wired.answer(1)).toMatchObject(text("ok"));
    await wired.plane.close();
  });

  test.each(["WIPE", "wipe ", "w\u200bipe", "ｗｉｐｅ", "wip\u0435"])(
    "a name that only looks like an allowed one is none: %j",
    async (name) => {
      const wired = wiredRelay({ policies: [{ id: "a", blocking: [rule.allowlist({ tools: ["wipe"] })] }] });
      wired.client(callOf(1, name));
      await expect.poll(() => wired.toServer.length + wired.toClient.length).toBeGreaterThan(0);
      expect(wired.toServer.join()).not.toContain(JSON.stringify(name).slice(1, -1));
      await wired.plane.close();
    },
  );
});

describe("a message that is made to be slow", () => {
  test("a string of nearly ten million characters is read", () => {
    const long = "x".repeat(9_900_000);
    expect(readFrames(bytes(`{"id":1,"method":"m","params":{"a":"${long}"}}`))).toHaveLength(1);
    expect(
      readFrames(bytes(`{"id":1,"method":"m","params":{"a":"${String.raw`\"`.repeat(1_000_000)}"}}`)),
    ).toHaveLength(1);
  });

  test("a long result with a long string is redacted", async () => {
    const wired = wiredRelay(
      { policies: [{ id: "p", blocking: [rule.redact({ detect: ["email"] })] }] },
      { serve: () => text(`a@example.com ${"x ".repeat(300_000)}`) },
    );
    wired.client(callOf(1, "f"));
    await wired.answer(1);
    expect(wired.toClient[0]?.includes("example.com")).toBe(false);
    await wired.plane.close();
  });

  test("a batch of more calls than may run at once is refused before anything of it is read", () => {
    const many = (count: number): Uint8Array =>
      bytes(`[${Array.from({ length: count }, (_, id) => `{"id":${id},"method":"m"}`).join()}]`);
    expect(readFrames(many(100))).toHaveLength(100);
    expect(readFrames(many(101))).toStrictEqual({ problem: "batch_too_long" });
    const before = performance.now();
    expect(readFrames(many(300_000))).toStrictEqual({ problem: "batch_too_long" });
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  test("a batch in a batch is none", () => {
    expect(readFrames(bytes('[[{"id":1,"method":"tools/call","params":{"name":"wipe"}}]]'))).toStrictEqual({
      problem: "not_an_object",
    });
  });
});

describe("an id that is used twice", () => {
  test("by the client, while the first is decided: the second is refused, and no answer is judged as another's", async () => {
    const wired = wiredRelay({ policies: [NO_WIPE] });
    wired.client(request(1, "resources/list"));
    wired.client(request(1, "unheard/of"));
    await wired.asked(1);
    expect(wired.toServer.map((line) => (JSON.parse(line) as { method: string }).method)).toStrictEqual([
      "resources/list",
    ]);
    expect(wired.toClient).toHaveLength(1);
    expect(wired.toClient[0]).toContain("this id is in use");
    await wired.plane.close();
  });

  test("by the server, to have a model's answer pass as another's: the second is refused", async () => {
    const wired = wiredRelay({ policies: [REDACT] });
    const ask = { messages: [{ role: "user", content: { type: "text", text: "who?" } }], maxTokens: 9 };
    wired.server(request("x", "sampling/createMessage", ask));
    wired.server(request("x", "roots/list"));
    await expect.poll(() => wired.toClient.length).toBe(1);
    expect(wired.toServer[0]).toContain("this id is in use");
    wired.client({
      jsonrpc: "2.0",
      id: "x",
      result: { model: "m", role: "assistant", content: { type: "text", text: "mira@example.com" } },
    });
    await expect.poll(() => wired.toServer.length).toBe(2);
    expect(wired.toServer.join()).not.toContain("example.com");
    await wired.plane.close();
  });

  test("is free again once it was answered", async () => {
    const wired = wiredRelay({}, { serve: () => text("ok") });
    for (const turn of [1, 2]) {
      wired.client(callOf(1, "f"));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(() => wired.toClient.length).toBe(turn);
    }
    expect(wired.toClient.join()).not.toContain("in use");
    await wired.plane.close();
  });

  test("an answer that nobody waits for is dropped, and so is one to an id of another type", async () => {
    const wired = wiredRelay();
    wired.client(callOf(1, "f"));
    await wired.asked(1);
    wired.server({ jsonrpc: "2.0", id: "1", ...text("smuggled") });
    wired.server({ jsonrpc: "2.0", id: 2, ...text("smuggled") });
    wired.server({ jsonrpc: "2.0", id: 1, ...text("real") });
    expect(await wired.answer(1)).toMatchObject(text("real"));
    expect(wired.toClient).toHaveLength(1);
    await wired.plane.close();
  });
});
