import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };

/** A server that looks at what else a call says before it looks for the tool. */
function serve({ params }: Record<string, unknown>): Record<string, unknown> {
  const { name, arguments: input, task, _meta } = params as Record<string, unknown> & { _meta?: object };
  const error = (message: string) => ({ error: { code: -32_602, message } });
  if (task !== undefined) return error("tasks are not supported");
  if (typeof input !== "object" || Array.isArray(input)) return error(`no object: ${typeof input}`);
  if (_meta !== undefined && "progressToken" in _meta) return error(`no progress of ${String(name)}`);
  return error(`no tool ${String(name)}`);
}

test.each([
  ["a task", { task: { ttl: 1 } }],
  ["a token of progress", { _meta: { progressToken: "p" } }],
  ["a member of its own", { future: 1 }],
  ["a list as its values", { arguments: ["secret"] }],
  ["a text as its values", { arguments: "secret" }],
  ["nothing more", {}],
])("a hidden tool is answered as an invented one where the call has %s", async (_what, more) => {
  const wired = wiredRelay({ policies: [NO_WIPE] }, { serve });
  const ask = async (id: number, name: string): Promise<string> => {
    wired.client(request(id, "tools/call", { name, arguments: {}, ...more }));
    return JSON.stringify({ ...(await wired.answer(id)), id: 0 }).replaceAll(name, "NAME");
  };
  // What was asked plainly before must not be remembered for it.
  wired.client(request(9, "tools/call", { name: "wipe", arguments: {} }));
  await wired.answer(9);
  expect(await ask(1, "wipe")).toBe(await ask(2, "nope"));
  expect(wired.toServer.slice(0, -1).join()).not.toContain("secret");
  await wired.plane.close();
});
