import { rule, type Policy } from "@agentplane/core";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { LineSplitter } from "../src/frame/read-lines.ts";
import { callOf, request, wiredRelay } from "./wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const text = (words: string): Record<string, unknown> => ({
  result: { content: [{ type: "text", text: words }] },
});

describe("what nothing changes", () => {
  test("passes byte for byte in both directions, unknown members, methods and large numbers too", async () => {
    const wired = wiredRelay();
    const call =
      '{"jsonrpc":"2.0", "future":{"a":1.0}, "id":7,"method":"tools/call","params":{"name":"f","arguments":{"n":12345678901234567890,"x":1.0},"futureParam":[1]}}';
    wired.client(call);
    await wired.asked(1);
    expect(wired.toServer).toStrictEqual([call]);
    const answer =
      '{"result":{"content":[{"type":"hologram","n":1e2}],"structuredContent":{"n":98765432109876543210}},"more":true,"id":7,"jsonrpc":"2.0"}';
    wired.server(answer);
    await wired.answer(7);
    expect(wired.toClient).toStrictEqual([answer]);
    for (const line of [
      '{"jsonrpc":"2.0","method":"notifications/unheard","params":{"x":1.50}}',
      '{"jsonrpc":"2.0","id":"a","method":"unheard/of"}',
    ]) {
      const before = wired.toServer.length;
      wired.client(line);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await wired.asked(before + 1);
      expect(wired.toServer.at(-1)).toBe(line);
    }
    await wired.plane.close();
  });

  test("passes whatever it says (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.string({ unit: "binary" }), async (json, name) => {
        const wired = wiredRelay();
        const line = `{"id":1,"params":{"name":${JSON.stringify(`t${name}`.slice(0, 100))},"arguments":{"v":${json}}},"method":"tools/call","jsonrpc":"2.0"}`;
        wired.client(line);
        await new Promise((resolve) => setImmediate(resolve));
        // A name that no tool can have is refused; what goes on goes on as it is.
        expect([...wired.toServer, ...wired.toClient.map(() => line)]).toStrictEqual([line]);
        await wired.plane.close();
      }),
      { numRuns: 100 },
    );
  });

  test("arrives as it was sent wherever the stream is cut, and a line that is too long is skipped to its end", () => {
    const lines = ['{"a":"Grüße 🚀"}', '{"b":1}\r', "", '{"c":"é"}'];
    const bytes = new TextEncoder().encode(`${lines.join("\n")}\n`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const splitter = new LineSplitter(1_000);
      const got = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
      expect(
        got.map((line) => ("bytes" in line ? new TextDecoder().decode(line.bytes) : "long")),
      ).toStrictEqual(['{"a":"Grüße 🚀"}', '{"b":1}', '{"c":"é"}']);
    }
    const small = new LineSplitter(8);
    const all = [
      ...small.push(new TextEncoder().encode("123456")),
      ...small.push(new TextEncoder().encode("789\nshort\n")),
    ];
    expect(all.map((line) => "bytes" in line)).toStrictEqual([false, true]);
  });
});

describe("messages that are refused", () => {
  test.each([
    ["no JSON", "{", -32700],
    [
      "a name that is given twice",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","name":"wipe"}}',
      -32600,
    ],
    [
      "the same name in two spellings",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","n\\u0061me":"wipe"}}',
      -32600,
    ],
    [
      "an argument that is given twice",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"in":[{"path":"/tmp","path":"/etc"}]}}}',
      -32600,
    ],
    [
      "a depth that nobody needs",
      `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${"[".repeat(200)}${"]".repeat(200)}}}`,
      -32600,
    ],
    ["no object", "3", -32600],
  ])("%s is answered, and the next one works", async (_name, line, code) => {
    const wired = wiredRelay({}, { serve: () => text("ok") });
    wired.client(line);
    expect(JSON.parse(wired.toClient[0] ?? "{}")).toMatchObject({ error: { code } });
    expect(wired.toServer).toHaveLength(0);
    wired.client(callOf(2, "find"));
    expect(await wired.answer(2)).toMatchObject(text("ok"));
    await wired.plane.close();
  });

  test("a request that is refused is answered under its own id", () => {
    const wired = wiredRelay();
    wired.client('{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"a","name":"b"}}');
    expect(JSON.parse(wired.toClient[0] ?? "{}")).toMatchObject({ id: "x", error: {} });
  });

  test.each([
    ["no id", '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"wipe"}}'],
    ["an id that is none", '{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"wipe"}}'],
    ["a list as its id", '{"jsonrpc":"2.0","id":[1],"method":"tools/call","params":{"name":"wipe"}}'],
  ])("a call with %s does not go around the plane", (_name, line) => {
    const wired = wiredRelay({ policies: [NO_WIPE] });
    wired.client(line);
    expect(wired.toServer).toHaveLength(0);
    expect(JSON.parse(wired.toClient[0] ?? "{}")).toMatchObject({ id: null, error: { code: -32600 } });
    wired.server('{"jsonrpc":"2.0","method":"sampling/createMessage","params":{"messages":[]}}');
    expect(wired.toClient).toHaveLength(1);
  });

  test("what a task gives in the end is redacted like any result", async () => {
    const wired = wiredRelay({ policies: [REDACT] }, { serve: () => text("mail mira@example.com") });
    wired.client(request(1, "tasks/result", { taskId: "t1" }));
    await wired.answer(1);
    expect(wired.toClient[0]).not.toContain("example.com");
    await wired.plane.close();
  });

  test("a batch is taken apart: what is forbidden is refused, the rest is answered", async () => {
    const wired = wiredRelay(
      { policies: [NO_WIPE] },
      { serve: ({ params }) => text((params as { name: string }).name) },
    );
    wired.client(JSON.stringify([callOf(1, "find"), callOf(2, "wipe"), callOf(3, "list")]));
    expect(await wired.answer(1)).toMatchObject(text("find"));
    expect(await wired.answer(3)).toMatchObject(text("list"));
    expect(await wired.answer(2)).toMatchObject({
      result: { content: [{ text: expect.stringContaining("wipe") }] },
    });
    expect(wired.toServer.join()).not.toContain('"name":"wipe"');
    await wired.plane.close();
  });

  test("a batch is admitted in its order: of three calls within a limit of two, the third is refused", async () => {
    const limit = rule.rate({ limit: 2, window: "1h", per: "agent" });
    const wired = wiredRelay(
      { policies: [{ id: "two", selector: { tools: ["find"] }, blocking: [limit] }] },
      { serve: () => text("found") },
    );
    wired.client(JSON.stringify([1, 2, 3].map((id) => callOf(id, "find"))));
    const answers = await Promise.all([1, 2, 3].map((id) => wired.answer(id)));
    expect(answers.map(({ result }) => (result as { isError?: boolean }).isError === true)).toStrictEqual([
      false,
      false,
      true,
    ]);
    await wired.plane.close();
  });
});

describe("what the server asks for", () => {
  test("sampling is a model call: its budget is kept, its output limited, its prompt redacted", async () => {
    const policies: Policy[] = [
      {
        id: "b",
        blocking: [rule.tokenBudget({ maxTokens: 120, window: "1h", per: "agent", maxOutput: 50 })],
      },
      { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt", "response"] })] },
    ];
    const wired = wiredRelay({ policies });
    const ask = {
      messages: [{ role: "user", content: { type: "text", text: "mail mira@example.com" } }],
      maxTokens: 900,
    };
    wired.server(request("s1", "sampling/createMessage", ask));
    await expect.poll(() => wired.toClient.length).toBe(1);
    expect(wired.toClient[0]).toContain('"maxTokens":50');
    expect(wired.toClient[0]).not.toContain("example.com");
    wired.client({
      jsonrpc: "2.0",
      id: "s1",
      result: { role: "assistant", model: "m", content: { type: "text", text: "tom@example.com" } },
    });
    expect(await wired.asked(1)).toMatchObject([{ id: "s1", result: { model: "m" } }]);
    expect(wired.toServer[0]).not.toContain("example.com");
    for (const id of ["s2", "s3"]) wired.server(request(id, "sampling/createMessage", ask));
    await expect.poll(() => wired.toServer.join()).toContain("-31403");
    await wired.plane.close();
  });

  test("an elicitation that is forbidden is declined without asking anybody", async () => {
    const policies: Policy[] = [
      {
        id: "e",
        selector: { hookpoints: ["before_elicitation"] },
        blocking: [rule.condition({ where: { target: "shop" } })],
      },
    ];
    const wired = wiredRelay({ policies });
    wired.server(request(9, "elicitation/create", { message: "your password?" }));
    expect(await wired.asked(1)).toMatchObject([{ id: 9, result: { action: "decline" } }]);
    expect(wired.toClient).toHaveLength(0);
    await wired.plane.close();
  });

  test("instructions are judged like a prompt, and lists are said to change", async () => {
    const wired = wiredRelay(
      { policies: [REDACT] },
      {
        serve: () => ({
          result: {
            protocolVersion: "2025-11-25",
            capabilities: { tools: {} },
            serverInfo: { name: "s", version: "1" },
            instructions: "mail mira@example.com",
          },
        }),
      },
    );
    wired.client(
      request(1, "initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "c", version: "1" },
      }),
    );
    const { result } = (await wired.answer(1)) as { result: { instructions: string; capabilities: object } };
    expect(result.instructions).not.toContain("example.com");
    expect(result.capabilities).toStrictEqual({ tools: { listChanged: true } });
    await wired.plane.close();
  });
});
