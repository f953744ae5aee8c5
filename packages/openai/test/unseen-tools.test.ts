import Anthropic from "@anthropic-ai/sdk";
import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch, isPolicyError, type GovernOptions } from "../src/index.ts";
import { governedClient, IDENTITY, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const denying = (...tools: string[]): Policy => ({
  id: "deny",
  selector: { tools },
  blocking: [rule.denylist({ tools })],
});
const ASK_PAY: Policy = {
  id: "ask",
  selector: { tools: ["shop/pay"] },
  blocking: [rule.condition({ where: { tool: "shop/pay" }, then: "escalate" })],
};

describe("a stored prompt, whose tools nobody knows", () => {
  const prompt = { id: "pmpt_1" };
  /** What was sent; undefined where it was refused. */
  async function sent(request: object, policies: Policy[], how: GovernOptions = {}) {
    const { client, plane } = governedClient(provider, { policies }, how);
    provider.reset({ json: responsesBody("hi") });
    const asked = client.responses.create({ model: MODEL, prompt, ...request });
    const error = await asked.then(
      () => undefined,
      (caught: Error) => caught,
    );
    await plane.close();
    if (error === undefined) return provider.last.json;
    expect(isPolicyError(error)).toBe(true);
    expect(error.message).toContain("tools: [] for none");
    expect(provider.seen).toHaveLength(0);
    return undefined;
  }

  test("is refused where a policy concerns calls of tools", async () => {
    expect(await sent({}, [denying("web_search")])).toBeUndefined();
    expect(await sent({}, [denying("desk/wipe")])).toBeUndefined();
  });

  test("goes on where none does, where the request says the tools, and where that is wanted", async () => {
    expect(await sent({}, [])).not.toHaveProperty("tools");
    expect(await sent({ tools: [] }, [denying("web_search")])).toMatchObject({ tools: [] });
    expect(await sent({}, [denying("web_search")], { unaskedCalls: "leave" })).toMatchObject({ prompt });
  });

  test("does not take the place of tools that were taken off", async () => {
    const tools = [{ type: "web_search" }];
    expect(await sent({ tools }, [denying("web_search")])).toMatchObject({ tools: [] });
  });
});

describe("a remote MCP server of Anthropic, which runs every call at once", () => {
  const ask = { model: "claude-test", max_tokens: 9, messages: [{ role: "user" as const, content: "hi" }] };
  const SERVER = { type: "url" as const, name: "shop", url: "http://localhost" };
  const TOOLSET = { type: "mcp_toolset" as const, mcp_server_name: "shop" };
  const named = (...names: string[]) => ({
    ...TOOLSET,
    default_config: { enabled: false },
    configs: Object.fromEntries(names.map((name) => [name, { enabled: true }])),
  });
  const allowing = (...allowed_tools: string[]) => ({ ...SERVER, tool_configuration: { allowed_tools } });

  /** What was sent; the error where it was refused. */
  async function sent(request: object, policies: Policy[], how: GovernOptions = {}) {
    const plane = createAgentPlane({ policies, approvals: { resolver: "external" } });
    const client = new Anthropic({
      apiKey: "test",
      baseURL: provider.url.replace("/v1", ""),
      fetch: guardFetch(plane, IDENTITY, how),
    });
    const content = [{ type: "text", text: "hi" }];
    provider.reset({ json: { id: "m", type: "message", role: "assistant", content, usage: {} } });
    const asked = client.beta.messages.create({ ...ask, mcp_servers: [SERVER], ...request });
    const error = await asked.then(
      () => undefined,
      (caught: Error) => caught,
    );
    await plane.close();
    if (error === undefined) return provider.last.json;
    expect(isPolicyError(error)).toBe(true);
    expect(provider.seen).toHaveLength(0);
    return error.message;
  }

  test.each([
    ["leaves its tools open", { tools: [TOOLSET] }],
    ["leaves its tools open, as the API had it first", {}],
    [
      "switches one tool off and leaves the others open",
      { tools: [{ ...TOOLSET, configs: { pay: { enabled: false } } }] },
    ],
    [
      "switches it off where the API does not read it",
      { tools: [{ ...TOOLSET, tool_configuration: { enabled: false } }] },
    ],
    [
      "names others where the API does not read it",
      { mcp_servers: [{ ...SERVER, default_config: { enabled: false } }] },
    ],
    ["names the tool", { tools: [named("find", "pay")] }],
    ["names the tool, as the API had it first", { mcp_servers: [allowing("pay")] }],
  ])("is refused where a policy asks about one of its tools and the request %s", async (_name, request) => {
    expect(await sent(request, [ASK_PAY])).toContain("no policy sees the call");
  });

  test.each<[string, object, Policy[], GovernOptions]>([
    ["no policy concerns its tools", { tools: [TOOLSET] }, [denying("desk/wipe")], {}],
    ["the request names others", { tools: [named("find")] }, [ASK_PAY], {}],
    [
      "the request switches it off",
      { mcp_servers: [{ ...SERVER, tool_configuration: { enabled: false } }] },
      [ASK_PAY],
      {},
    ],
    ["that is wanted", { tools: [TOOLSET] }, [ASK_PAY], { unaskedCalls: "leave" }],
  ])("goes on where %s", async (_name, request, policies, how) => {
    expect(await sent(request, policies, how)).toMatchObject(request);
  });

  test("offers none of its named tools that a policy forbids", async () => {
    const policies = [denying("shop/wipe")];
    expect(await sent({ tools: [named("find", "wipe")] }, policies)).toMatchObject({
      tools: [named("find")],
    });
    expect(await sent({ mcp_servers: [allowing("find", "wipe")] }, policies)).toMatchObject({
      mcp_servers: [allowing("find")],
    });
    expect(await sent({ mcp_servers: [SERVER], tools: [named("wipe")] }, policies)).not.toHaveProperty(
      "tools",
    );
  });

  test("is refused where every call shall be asked for, which it cannot do", async () => {
    expect(await sent({ tools: [TOOLSET] }, [], { unaskedCalls: "ask" })).toContain(
      "no policy sees the call",
    );
  });
});

describe("tools that an item of a conversation brings along", () => {
  test("are not stored where a policy forbids them, and ask where one concerns them", async () => {
    const { client, plane } = governedClient(provider, { policies: [denying("web_search"), ASK_PAY] });
    provider.reset({ json: { object: "list", data: [] } });
    const shop = { type: "mcp", server_label: "shop", server_url: "http://shop", require_approval: "never" };
    const item = { type: "additional_tools", role: "developer", tools: [{ type: "web_search" }, shop] };
    for (const path of ["/conversations", "/conversations/c1/items"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await client.post(path, { body: { items: [item] } });
      expect(provider.last.json["items"]).toStrictEqual([
        { ...item, tools: [{ ...shop, require_approval: "always" }] },
      ]);
    }
    await plane.close();
  });
});
