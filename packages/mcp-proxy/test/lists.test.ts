import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { gatedAt } from "./gated-rule.ts";
import { callOf, request, wiredRelay } from "./wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const text = (words: string): Record<string, unknown> => ({
  result: { content: [{ type: "text", text: words }] },
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

  test("one that goes on with a later page keeps the way to the next, though something is hidden on it", async () => {
    const wired = wiredRelay(
      { policies: [{ id: "p", blocking: [rule.denylist({ tools: ["wipe*"] })] }] },
      { serve },
    );
    wired.client(request(1, "tools/list", { cursor: "two" }));
    expect(await wired.answer(1)).toMatchObject({ result: { tools: [], nextCursor: "three" } });
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

  test.each([
    ["tools/list", "tools", "before_tool_call"],
    ["tools/list", "tools", "after_tool_list"],
    ["resources/list", "resources", "before_resource_read"],
    ["prompts/list", "prompts", "before_prompt_get"],
  ])(
    "are thought about a few items at once where rules take their time: %s, of its %s, at %s",
    async (method, member, hookpoint) => {
      const { planeOptions, asked, letGo } = gatedAt(hookpoint);
      const items = Array.from({ length: 50 }, (_item, at) => ({
        name: `n${at}`,
        uri: `u:${at}`,
        title: "T",
      }));
      const wired = wiredRelay(planeOptions, { serve: () => ({ result: { [member]: items } }) });
      wired.client(request(1, method));
      await expect.poll(asked).toBe(16);
      letGo();
      expect(await wired.answer(1)).toHaveProperty(`result.${member}`, items);
      expect(asked()).toBe(50);
      await wired.plane.close();
    },
  );

  test("that the server has are said to change when policies do, and no others", async () => {
    const capabilities = { tools: {}, prompts: { listChanged: false }, completions: {} };
    const wired = wiredRelay(
      {},
      { serve: () => ({ result: { protocolVersion: "2025-11-25", capabilities } }) },
    );
    wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
    expect(await wired.answer(0)).toHaveProperty("result.capabilities", {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      completions: {},
    });
    wired.plane.engine.replaceAll("code", { apiVersion: "agentplane/v1", policies: [NO_WIPE] });
    await expect.poll(() => wired.toClient.length).toBe(3);
    expect(
      wired.toClient.slice(1).map((line) => (JSON.parse(line) as { method: string }).method),
    ).toStrictEqual(["notifications/tools/list_changed", "notifications/prompts/list_changed"]);
    await wired.plane.close();
  });

  test("follow a mode that an operator sets, and are said to change with it", async () => {
    const tools = ["look", "wipe"].map((name) => ({ name, inputSchema: { type: "object" } }));
    const capabilities = { tools: {} };
    const wired = wiredRelay(
      { tools: { look: { access: "read" }, wipe: { access: "write" } } },
      { serve: () => ({ result: { protocolVersion: "2025-11-25", capabilities, tools, content: [] } }) },
    );
    const listed = async (id: number): Promise<unknown> => {
      wired.client(request(id, "tools/list"));
      const { result } = (await wired.answer(id)) as { result: { tools: { name: string }[] } };
      return result.tools.map(({ name }) => name);
    };
    wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
    await wired.answer(0);
    expect(await listed(1)).toStrictEqual(["look", "wipe"]);
    await wired.plane.controls.degrade({ kind: "agent", id: "writer" }, "READ_ONLY", { by: "olga" });
    await expect.poll(() => wired.toClient.join()).toContain("notifications/tools/list_changed");
    expect(await listed(2)).toStrictEqual(["look"]);
    // What is not listed is not to be had either, and is no other than a tool that does not exist.
    wired.client(callOf(3, "wipe"));
    await wired.answer(3);
    expect(wired.toServer.join()).not.toContain('"name":"wipe"');
    await wired.plane.close();
  });
});
