import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay } from "./wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const text = (words: string): Record<string, unknown> => ({
  result: { content: [{ type: "text", text: words }] },
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

  test("a hidden tool is told to each era in its own words", async () => {
    const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
    const serve = ({ params }: Record<string, unknown>): Record<string, unknown> =>
      JSON.stringify(params).includes("2026-07-28")
        ? { error: { code: -32_602, message: "modern" } }
        : { error: { code: -32_602, message: "legacy" } };
    const { client, answer, plane } = wiredRelay({ policies: [NO_WIPE] }, { serve });
    client(callOf(1, "wipe"));
    expect(await answer(1)).toHaveProperty("error.message", "legacy");
    client(request(2, "tools/call", { name: "wipe", arguments: {}, _meta: meta }));
    expect(await answer(2)).toHaveProperty("error.message", "modern");
    await plane.close();
  });
});
