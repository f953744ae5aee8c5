import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay } from "../wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const UNKNOWN = { error: { code: -32_602, message: "Unknown tool: agentplane-no-such-tool" } };

/** A server that has these tools, and knows none that the proxy asks about. */
const having =
  (...names: readonly string[]) =>
  ({ method, params }: Record<string, unknown>): Record<string, unknown> => {
    if (method === "tools/list") return { result: { tools: names.map((name) => ({ name })) } };
    return JSON.stringify(params).includes("no-such-tool") ? UNKNOWN : { result: { content: [] } };
  };

const SAME = [
  ["a zero-width space", "w\u200bipe"],
  ["a byte order mark", "\uFEFFwipe"],
  ["marks of direction", "\u202ewipe\u202c"],
  ["a soft hyphen", "wi\u00adpe"],
  ["characters of tags", "wipe\u{e0061}"],
  ["a selector of variants", "wipe\ufe0f"],
  ["full width", "ｗｉｐｅ"],
  ["letters of mathematics", "𝐰𝐢𝐩𝐞"],
  ["a space behind it", "wipe "],
  ["a line break before it", "\r\nwipe"],
  ["a space that does not break", "wipe\u00a0"],
  ["a null byte and more", "wipe\u0000.txt"],
  ["a control character", "w\u0007ipe"],
] as const;

describe.each(SAME)("a denied tool that is called with %s", (_how, name) => {
  test("is denied, in the words of a tool that does not exist", async () => {
    const wired = wiredRelay({ policies: [NO_WIPE] }, { serve: having("wipe", "look") });
    wired.client(callOf(1, name));
    expect(await wired.answer(1)).toHaveProperty("error.message", `Unknown tool: ${name}`);
    expect(wired.toServer.map((line) => JSON.parse(line) as object)).not.toContainEqual(
      expect.objectContaining({ id: 1 }),
    );
    await wired.plane.close();
  });

  test("meets what is asked of its values", async () => {
    const small = rule.condition({ where: { tool: "wipe" }, require: { input: { count: { lte: 3 } } } });
    const wired = wiredRelay({ policies: [{ id: "small", blocking: [small] }] }, { serve: having("wipe") });
    wired.client(callOf(1, name, { count: 9 }));
    expect(await wired.answer(1)).toHaveProperty("result.isError", true);
    wired.client(callOf(2, name, { count: 1 }));
    expect(await wired.answer(2)).toStrictEqual({ jsonrpc: "2.0", id: 2, result: { content: [] } });
    await wired.plane.close();
  });

  test("is the server's affair where it lists one under just this name", async () => {
    const wired = wiredRelay({ policies: [NO_WIPE] }, { serve: having("wipe", name) });
    wired.client(request(1, "tools/list"));
    await wired.answer(1);
    wired.client(callOf(2, name));
    expect(await wired.answer(2)).toHaveProperty("result.content");
    await wired.plane.close();
  });
});

test("a denied tool of the server's list is denied in every case, one it does not list is another", async () => {
  const wired = wiredRelay(
    { policies: [{ id: "no", blocking: [rule.denylist({ tools: ["wipeAll"] })] }] },
    { serve: having("wipeAll", "look") },
  );
  wired.client(request(1, "tools/list"));
  await wired.answer(1);
  for (const [at, name] of ["WIPEALL", "wipeall", "Wipe\u200bAll "].entries()) {
    wired.client(callOf(10 + at, name));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await wired.answer(10 + at)).toHaveProperty("error.message", `Unknown tool: ${name}`);
  }
  wired.client(callOf(20, "LOOK"));
  expect(await wired.answer(20)).toHaveProperty("result.content");
  await wired.plane.close();
});

test("a name that is read as an allowed one is not allowed by that", async () => {
  for (const tools of [["wipe"], ["shop/wipe"]]) {
    const wired = wiredRelay(
      { policies: [{ id: "a", blocking: [rule.allowlist({ tools })] }] },
      { serve: having("wipe") },
    );
    wired.client(callOf(1, "wipe "));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await wired.answer(1)).toHaveProperty("error");
    expect(wired.toServer.join()).not.toContain("wipe ");
    // oxlint-disable-next-line no-await-in-loop
    await wired.plane.close();
  }
});

test("an invented name meets the default, as it is", async () => {
  const wired = wiredRelay({ policies: [NO_WIPE] }, { serve: having("wipe") });
  wired.client(callOf(1, "löschen "));
  expect(await wired.answer(1)).toHaveProperty("result.content");
  expect(wired.toServer[0]).toContain('"löschen "');
  await wired.plane.close();
});

test("a tool that is unplugged is so under every name that it may be read as", async () => {
  const wired = wiredRelay({}, { serve: having("wipe") });
  await wired.plane.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "x" });
  wired.client(callOf(1, "w\u200bipe"));
  expect(await wired.answer(1)).toHaveProperty("error");
  await wired.plane.close();
});

test("a denied prompt is denied under every name that it may be read as", async () => {
  const policies: Policy[] = [
    {
      id: "q",
      selector: { hookpoints: ["before_prompt_get"] },
      blocking: [rule.condition({ where: { target: "hidden" } })],
    },
  ];
  const wired = wiredRelay({ policies }, { serve: () => ({ result: { messages: [] } }) });
  wired.client(request(1, "prompts/get", { name: "hidden\u200b" }));
  expect(await wired.answer(1)).toHaveProperty("error.code", -31_403);
  wired.client(request(2, "prompts/get", { name: "shown\u200b" }));
  expect(await wired.answer(2)).toHaveProperty("result");
  expect(wired.toServer).toHaveLength(1);
  await wired.plane.close();
});

test("a prompt that a person must allow is asked about under every name that it may be read as", async () => {
  const policies: Policy[] = [
    {
      id: "q",
      selector: { hookpoints: ["before_prompt_get"] },
      blocking: [rule.condition({ where: { target: "deploy" }, then: "escalate" })],
    },
  ];
  const wired = wiredRelay({ policies }, { serve: () => ({ result: { messages: [] } }), approvalWaitMs: 0 });
  wired.client(request(1, "prompts/get", { name: "\uff44eploy" }));
  expect(await wired.answer(1)).toHaveProperty("error");
  expect(wired.toServer).toHaveLength(0);
  await wired.plane.close();
});
