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
    ["a depth that nobody needs", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`, -32600],
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
});

describe("tool calls", () => {
  test("one that its input forbids is an error that the model can read, or one of the protocol", async () => {
    const policies = [
      { id: "small", blocking: [rule.condition({ where: { tool: "pay", input: { amount: { gt: 5 } } } })] },
    ];
    const wired = wiredRelay({ policies });
    wired.client(callOf(1, "pay", { amount: 9 }));
    expect(await wired.answer(1)).toMatchObject({ result: { isError: true, content: [{ type: "text" }] } });
    const strict = wiredRelay({ policies }, { denyAs: "error" });
    strict.client(callOf(1, "pay", { amount: 9 }));
    expect(await strict.answer(1)).toMatchObject({ error: { code: -31403, data: { policy: "small" } } });
    expect([wired.toServer, strict.toServer]).toStrictEqual([[], []]);
    await Promise.all([wired.plane.close(), strict.plane.close()]);
  });

  test("a result is redacted in every part, and a number that cannot be repeated is not changed but withheld", async () => {
    const wired = wiredRelay({ policies: [REDACT] });
    wired.client(callOf(1, "find"));
    await wired.asked(1);
    wired.server(
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"mail mira@example.com"}],"structuredContent":{"to":"mira@example.com"},"big":12345678901234567890}}',
    );
    await wired.answer(1);
    expect(wired.toClient[0]).not.toContain("example.com");
    expect(wired.toClient[0]).toContain('"big":12345678901234567890');
    wired.client(callOf(2, "find"));
    await wired.asked(2);
    wired.server(
      '{"jsonrpc":"2.0","id":2,"result":{"structuredContent":{"to":"mira@example.com","big":12345678901234567890}}}',
    );
    expect(await wired.answer(2)).toHaveProperty("error");
    expect(wired.toClient.join()).not.toContain("example.com");
    await wired.plane.close();
  });

  test("an error of the server's is redacted, and else passes as it is", async () => {
    const wired = wiredRelay({ policies: [REDACT] });
    wired.client(callOf(1, "find"));
    await wired.asked(1);
    wired.server({
      jsonrpc: "2.0",
      id: 1,
      error: { code: -32000, message: "no mira@example.com", data: { user: "mira@example.com" } },
    });
    expect(await wired.answer(1)).toMatchObject({ error: { code: -32000 } });
    expect(wired.toClient[0]).not.toContain("example.com");
    const plain = wiredRelay();
    plain.client(callOf(1, "find"));
    await plain.asked(1);
    const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"go there","data":{"n":1.0}}}';
    plain.server(error);
    await plain.answer(1);
    expect(plain.toClient).toStrictEqual([error]);
    await Promise.all([wired.plane.close(), plain.plane.close()]);
  });

  test("a rewritten input keeps every other byte of the message", async () => {
    const policies = [{ id: "p", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] }];
    const wired = wiredRelay({ policies });
    wired.client(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","future":1.0,"params":{"name":"send","arguments":{"to":"mira@example.com"},"n":12345678901234567890}}',
    );
    await wired.asked(1);
    expect(wired.toServer[0]).toMatch(
      /^\{"jsonrpc":"2\.0","id":1,"method":"tools\/call","future":1\.0,"params":\{"name":"send","arguments":\{"to":"[^@]*"\},"n":12345678901234567890\}\}$/,
    );
    await wired.plane.close();
  });

  test("100 calls at once that are answered out of order get their own answers", async () => {
    const wired = wiredRelay();
    for (let id = 0; id < 100; id++) wired.client(callOf(id, "find", { id }));
    await wired.asked(100);
    for (let id = 99; id >= 0; id--) wired.server({ jsonrpc: "2.0", id, ...text(`answer ${id}`) });
    for (let id = 0; id < 100; id++) {
      // oxlint-disable-next-line no-await-in-loop -- all of them are there
      expect(await wired.answer(id)).toMatchObject(text(`answer ${id}`));
    }
    await wired.plane.close();
  });

  test("a kill cuts a running call: the client is told, the server is told, the late result is dropped", async () => {
    const wired = wiredRelay();
    wired.client(callOf(1, "slow"));
    await wired.asked(1);
    await wired.plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
    expect(await wired.answer(1)).toMatchObject({ result: { isError: true } });
    expect(wired.toServer.at(-1)).toContain("notifications/cancelled");
    wired.server({ jsonrpc: "2.0", id: 1, ...text("late") });
    expect(wired.toClient.join()).not.toContain("late");
    wired.client(request(2, "resources/list"));
    expect(await wired.answer(2)).toMatchObject({ error: { code: -31403 } });
    await wired.plane.close();
  });

  test("a cancel reaches the server, and nobody is answered; the holds are given back", async () => {
    const wired = wiredRelay({
      policies: [
        {
          id: "r",
          selector: { tools: ["slow"] },
          blocking: [rule.rate({ limit: 1, window: "1h", per: "agent" })],
        },
      ],
    });
    wired.client(callOf(1, "slow"));
    await wired.asked(1);
    wired.client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
    wired.server({ jsonrpc: "2.0", id: 1, ...text("late") });
    await new Promise((resolve) => setImmediate(resolve));
    expect(wired.toServer.at(-1)).toContain("notifications/cancelled");
    expect(wired.toClient).toHaveLength(0);
    await wired.plane.close();
  });

  test("a server that ends fails what it was asked, and a second request under one id is refused", async () => {
    const wired = wiredRelay();
    wired.client(callOf(1, "slow"));
    await wired.asked(1);
    wired.client(callOf(1, "slow"));
    expect(wired.toClient).toHaveLength(1);
    wired.relay.serverGone("the server ended");
    await expect.poll(() => wired.toClient.length).toBe(2);
    expect(wired.toClient[1]).toContain("the server ended");
    await wired.plane.close();
  });

  test.each([
    [
      "an error of the protocol",
      { error: { code: -32602, message: "Unknown tool: agentplane-no-such-tool" } },
    ],
    [
      "a result",
      {
        result: {
          isError: true,
          content: [{ type: "text", text: "Tool agentplane-no-such-tool not found" }],
        },
      },
    ],
  ])(
    "a hidden tool is told in the server's own words for one that does not exist: %s",
    async (_name, unknown) => {
      const wired = wiredRelay({ policies: [NO_WIPE] }, { serve: () => unknown });
      wired.client(callOf(1, "wipe", { all: true }));
      const told = await wired.answer(1);
      expect(JSON.stringify({ ...told, id: undefined, jsonrpc: undefined })).toBe(
        JSON.stringify(unknown).replaceAll("agentplane-no-such-tool", "wipe"),
      );
      expect(wired.toServer.join()).not.toContain("wipe");
      await wired.plane.close();
    },
  );
});

describe("lists", () => {
  const page = (names: readonly string[], nextCursor?: string): Record<string, unknown> => ({
    result: {
      tools: names.map((name) => ({ name, inputSchema: { type: "object" }, future: 1 })),
      ...(nextCursor !== undefined && { nextCursor }),
    },
  });
  const pages: Record<string, Record<string, unknown>> = {
    first: page(["a", "wipe"], "two"),
    two: page(["wipe_all"], "three"),
    three: page(["b"]),
  };
  const serve = ({ params }: Record<string, unknown>): Record<string, unknown> | undefined =>
    pages[(params as { cursor?: string }).cursor ?? "first"];

  test("one of several pages is filtered before it is paged: no gaps, no page lost", async () => {
    const wired = wiredRelay(
      { policies: [{ id: "p", blocking: [rule.denylist({ tools: ["wipe*"] })] }] },
      { serve },
    );
    wired.client(request(1, "tools/list"));
    const { result } = (await wired.answer(1)) as {
      result: { tools: { name: string; future: number }[]; nextCursor?: string };
    };
    expect(result.tools.map(({ name }) => name)).toStrictEqual(["a", "b"]);
    expect(result.tools[0]?.future).toBe(1);
    expect(result.nextCursor).toBeUndefined();
    await wired.plane.close();
  });

  test("one in which nothing is hidden keeps its pages", async () => {
    const wired = wiredRelay({}, { serve });
    wired.client(request(1, "tools/list"));
    expect(await wired.answer(1)).toMatchObject(pages["first"] ?? {});
    wired.client(request(2, "tools/list", { cursor: "three" }));
    expect(await wired.answer(2)).toMatchObject(pages["three"] ?? {});
    await wired.plane.close();
  });

  test("is the same whatever was called before, and private to the client", async () => {
    const shown = page(["a", "wipe"]);
    const wired = wiredRelay(
      { policies: [NO_WIPE] },
      {
        serve: ({ method }) =>
          method === "tools/list"
            ? { result: { ...(shown["result"] as object), cacheScope: "public", ttlMs: 60_000 } }
            : text("x"),
      },
    );
    wired.client(request(1, "tools/list"));
    const first = await wired.answer(1);
    wired.client(callOf(2, "a"));
    await wired.answer(2);
    wired.client(request(3, "tools/list"));
    expect({ ...(await wired.answer(3)), id: 1 }).toStrictEqual(first);
    expect(first).toMatchObject({ result: { cacheScope: "private", ttlMs: 0 } });
    await wired.plane.close();
  });

  test("of resources, templates and prompts are filtered too, and what is hidden is not given", async () => {
    const policies: Policy[] = [
      {
        id: "r",
        selector: { hookpoints: ["before_resource_read"] },
        blocking: [rule.condition({ where: { target: { glob: "secret:*" } } })],
      },
      {
        id: "q",
        selector: { hookpoints: ["before_prompt_get"] },
        blocking: [rule.condition({ where: { target: "hidden" } })],
      },
    ];
    const wired = wiredRelay(
      { policies },
      {
        serve: ({ method }) =>
          method === "resources/list"
            ? { result: { resources: [{ uri: "secret:1" }, { uri: "open:1" }] } }
            : { result: { prompts: [{ name: "hidden" }, { name: "shown" }] } },
      },
    );
    wired.client(request(1, "resources/list"));
    expect(await wired.answer(1)).toMatchObject({ result: { resources: [{ uri: "open:1" }] } });
    wired.client(request(2, "prompts/list"));
    expect(await wired.answer(2)).toMatchObject({ result: { prompts: [{ name: "shown" }] } });
    wired.client(request(3, "resources/read", { uri: "secret:1" }));
    expect(await wired.answer(3)).toMatchObject({ error: { code: -31403 } });
    wired.client(
      request(4, "completion/complete", {
        ref: { type: "ref/prompt", name: "hidden" },
        argument: { name: "a", value: "b" },
      }),
    );
    expect(await wired.answer(4)).toMatchObject({ error: { code: -31403 } });
    expect(wired.toServer).toHaveLength(2);
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
