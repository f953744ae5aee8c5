import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isPolicyError, type GovernOptions } from "../src/index.ts";
import { governedClient, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const NO_WIPE: Policy = {
  id: "no-wipe",
  selector: { tools: ["shop/wipe"] },
  blocking: [rule.denylist({ tools: ["shop/wipe"] })],
};
const escalating = (id: string, tool: string): Policy => ({
  id,
  selector: { tools: [tool] },
  blocking: [rule.condition({ where: { tool }, then: "escalate" })],
});
const ASK_WIPE = escalating("ask-wipe", "shop/wipe");
const OF_ANY = escalating("of-any", "wipe");
const OF_DESK = escalating("of-desk", "desk/wipe");
/** Without a selector it concerns every call. */
const EVERY: Policy = { id: "every", blocking: [rule.denylist({ tools: ["shop/wipe"] })] };
const SLOWLY: Policy = {
  id: "slowly",
  selector: { tools: ["shop/find"] },
  blocking: [rule.rate({ limit: 5, window: "1m", per: "agent" })],
};
const OF_MODELS: Policy = {
  id: "models",
  selector: { hookpoints: ["before_model_call"] },
  blocking: [rule.condition({ where: { agent: "writer" }, then: "allow" })],
};

/** What a server is sent with. */
async function sent(server: object, options: PlaneOptions, how: GovernOptions = {}) {
  const { client, plane } = governedClient(provider, options, how);
  provider.reset({ json: responsesBody("hi") });
  const tool = { type: "mcp", server_label: "shop", server_url: "http://shop", ...server };
  await client.post("/responses", { body: { model: MODEL, input: "go", tools: [tool] } });
  await plane.close();
  const [first] = provider.last.json["tools"] as readonly Record<string, unknown>[];
  return first?.["require_approval"];
}

const NEVER = { require_approval: "never" };

describe("a remote MCP server that would run calls without asking", () => {
  test.each<[string, object, Policy[], unknown]>([
    ["no policy speaks of its tools", NEVER, [OF_MODELS], "never"],
    ["a policy concerns all of its tools", NEVER, [EVERY], "always"],
    [
      "a policy concerns all of its tools, one that it names too",
      { ...NEVER, allowed_tools: ["find"] },
      [EVERY],
      "always",
    ],
    ["it names only what no policy concerns", { ...NEVER, allowed_tools: ["find"] }, [NO_WIPE], "never"],
    [
      "it names one that must be asked about",
      { ...NEVER, allowed_tools: ["find", "wipe"] },
      [ASK_WIPE],
      { always: { tool_names: ["wipe"] }, never: { tool_names: ["find"] } },
    ],
    ["it names none, and a policy concerns one of its tools", NEVER, [ASK_WIPE], "always"],
    ["it names none, and a policy concerns a tool of any server", NEVER, [OF_ANY], "always"],
    ["it names none, and policies concern tools of another server", NEVER, [OF_DESK], "never"],
    [
      "a limit counts the one it names",
      { ...NEVER, allowed_tools: { tool_names: ["find"] } },
      [SLOWLY],
      "always",
    ],
    [
      "it lists what need not be asked for",
      { require_approval: { always: { tool_names: ["buy"] }, never: { tool_names: ["find", "wipe"] } } },
      [ASK_WIPE],
      { always: { tool_names: ["buy", "wipe"] }, never: { tool_names: ["find"] } },
    ],
    ["it lets what only reads run", { require_approval: { never: { read_only: true } } }, [EVERY], "always"],
    ["it asks always", { require_approval: "always" }, [NO_WIPE], "always"],
    ["it says nothing, so the provider asks", {}, [NO_WIPE], undefined],
  ])("where %s", async (_name, server, policies, expected) => {
    expect(await sent(server, { policies })).toStrictEqual(expected);
  });

  test("asks where one of its tools was unplugged, whose name the request does not say", async () => {
    const { client, plane } = governedClient(provider, {});
    provider.reset({ json: responsesBody("hi") });
    await plane.controls.unplug({ kind: "tool", id: "shop/wipe" }, { reason: "stop", by: "olga" });
    const tools = [{ type: "mcp", server_label: "shop", ...NEVER }];
    await client.post("/responses", { body: { model: MODEL, input: "go", tools } });
    expect(provider.last.json["tools"]).toStrictEqual([{ ...tools[0], require_approval: "always" }]);
    await plane.close();
  });

  test.each<[string, readonly string[] | undefined, object, unknown]>([
    [
      "one that it names",
      ["shop/wipe"],
      { allowed_tools: ["find", "wipe"] },
      { always: { tool_names: ["wipe"] }, never: { tool_names: ["find"] } },
    ],
    ["every one that it names", undefined, { allowed_tools: ["find", "wipe"] }, "always"],
    ["one of some server, and it names none", ["wipe"], {}, "always"],
    ["those of another server", ["desk/*"], { allowed_tools: ["find", "wipe"] }, "never"],
  ])("asks where a hook may have a say in calls of %s", async (_name, filtered, server, expected) => {
    const { client, plane } = governedClient(provider);
    plane.hooks.on(
      "before_tool_call",
      () => undefined,
      filtered === undefined ? {} : { filter: { tools: filtered } },
    );
    provider.reset({ json: responsesBody("hi") });
    const tool = { type: "mcp", server_label: "shop", ...NEVER, ...server };
    await client.post("/responses", { body: { model: MODEL, input: "go", tools: [tool] } });
    expect(provider.last.json["tools"]).toStrictEqual([{ ...tool, require_approval: expected }]);
    await plane.close();
  });

  test.each<[string, unknown, unknown]>([
    ["a list", ["find", "wipe"], ["find"]],
    [
      "a filter",
      { read_only: true, tool_names: ["find", "wipe"] },
      { read_only: true, tool_names: ["find"] },
    ],
  ])("is not asked for a forbidden tool that %s names: it is not offered", async (_name, named, left) => {
    const { client, plane } = governedClient(provider, { policies: [NO_WIPE] });
    provider.reset({ json: responsesBody("hi") });
    const tool = { type: "mcp", server_label: "shop", ...NEVER, allowed_tools: named };
    const choice = { type: "mcp", server_label: "shop", name: "find" };
    await client.post("/responses", {
      body: { model: MODEL, input: "go", tools: [tool], tool_choice: choice },
    });
    const never = { never: { tool_names: ["find"] } };
    expect(provider.last.json["tools"]).toStrictEqual([
      { ...tool, allowed_tools: left, require_approval: never },
    ]);
    expect(provider.last.json["tool_choice"]).toStrictEqual(choice);
    const only = { ...tool, allowed_tools: ["wipe"] };
    await client.post("/responses", { body: { model: MODEL, input: "go", tools: [only] } });
    expect(provider.last.json["tools"]).toBeUndefined();
    await plane.close();
  });

  test("asks where everything is blocked that no policy allows", async () => {
    const policies = [OF_MODELS, { id: "find", blocking: [rule.allowlist({ tools: ["shop/find", "mcp"] })] }];
    expect(await sent(NEVER, { policies, defaultEffect: "block" })).toBe("always");
  });

  test("asks where a conversation brings it along, and in a stream", async () => {
    const { client, plane } = governedClient(provider, { policies: [EVERY] });
    provider.reset({ json: responsesBody("hi") }, { stream: [] });
    const tools = [{ type: "mcp", server_label: "shop", ...NEVER }];
    const item = { type: "additional_tools", role: "developer", tools };
    await client.post("/responses", { body: { model: MODEL, input: [item] } });
    expect(provider.last.json["input"]).toStrictEqual([
      { ...item, tools: [{ ...tools[0], require_approval: "always" }] },
    ]);
    await client.post("/responses", {
      body: { model: MODEL, input: "go", tools, stream: true },
      stream: true,
    });
    expect(provider.last.text).toContain('"require_approval":"always"');
    await plane.close();
  });

  test("is refused where the client could not answer, before anything is sent", async () => {
    const { client, plane } = governedClient(provider, { policies: [NO_WIPE] }, { unaskedCalls: "refuse" });
    provider.reset({ json: responsesBody("hi") });
    const tools = [{ type: "mcp" as const, server_label: "shop", require_approval: "never" as const }];
    const wiping = [{ ...tools[0]!, allowed_tools: ["find", "wipe"] }];
    const error = await rejected(client.responses.create({ model: MODEL, input: "go", tools: wiping }));
    expect(isPolicyError(error)).toBe(true);
    expect(String(error)).toContain('"shop/wipe" run without asking');
    expect(provider.seen).toHaveLength(0);
    const named = [{ ...tools[0]!, allowed_tools: ["find"] }];
    await client.responses.create({ model: MODEL, input: "go", tools: named });
    expect(provider.last.json["tools"]).toStrictEqual(named);
    await plane.close();
  });

  test("asks for everything where it is told to, whatever policies concern", async () => {
    expect(await sent(NEVER, {}, { unaskedCalls: "ask" })).toBe("always");
  });

  test.each<GovernOptions>([{ unaskedCalls: "leave" }, { proposedCalls: "leave" }])(
    "is left alone with %o",
    async (how) => {
      expect(await sent(NEVER, { policies: [EVERY] }, how)).toBe("never");
    },
  );

  test("an option of another name is refused", () => {
    // @ts-expect-error -- from JavaScript
    expect(() => governedClient(provider, {}, { unaskedCalls: "no" })).toThrow(/judge, ask, refuse, leave/);
  });
});
