import path from "node:path";

import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import type { SessionEntry } from "../../src/rules/session-view.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

type ToolNames = Pick<SessionEntry, "server" | "originalName"> & { readonly name: string };

const PAY = { name: "pay", server: "bank", originalName: "pay" };
const ABOUT_THE_PAST = [rule.idempotency({ window: "10m" }), rule.loop({ maxRepeats: 1 })];

describe.each(ABOUT_THE_PAST.map((past) => [past.rule, past] as const))("under %s", (_kind, past) => {
  const effectsOf = async (tools: readonly ToolNames[], state?: StateStore): Promise<readonly string[]> => {
    const { plane } = createBench({ ...(state && { state }), policies: [blocking("p", [past])] });
    const effects: string[] = [];
    for (const tool of tools) {
      const context = { ...toolCall(tool.name), tool: { ...tool, input: { order: 1 } } };
      // oxlint-disable-next-line no-await-in-loop -- each call is the past of the next
      effects.push((await plane.guard.toolCall({ context, run: () => 1 })).status);
    }
    return effects;
  };

  it.each<[string, readonly ToolNames[], string]>([
    ["a tool of a server under another name is the same", [PAY, { ...PAY, name: "bank_pay" }], "blocked"],
    ["a tool of another server with the same name is another", [PAY, { ...PAY, server: "shop" }], "ran"],
    [
      "another tool of the server under the same name is another",
      [PAY, { ...PAY, originalName: "payout" }],
      "ran",
    ],
    [
      "a server's tool that nobody renamed is the same under an alias",
      [
        { name: "pay", server: "bank" },
        { ...PAY, name: "bank_pay" },
      ],
      "blocked",
    ],
    [
      "an alias of a tool without a server is the same",
      [
        { name: "a", originalName: "pay" },
        { name: "b", originalName: "pay" },
      ],
      "blocked",
    ],
    ["a tool with nothing but a name is known by it", [{ name: "pay" }, PAY], "blocked"],
    ["a tool with nothing but another name is another", [{ name: "refund" }, PAY], "ran"],
  ])("%s", async (_what, tools, status) => {
    expect(await effectsOf(tools)).toEqual(["ran", status]);
  });

  it("a state file keeps which tool it was", async () => {
    const state = sqliteState({ path: path.join(temporaryDirectory(), "state.db") });
    expect(await effectsOf([PAY, { ...PAY, name: "bank_pay" }, { ...PAY, server: "shop" }], state)).toEqual([
      "ran",
      "blocked",
      "ran",
    ]);
    state.close();
  });
});
