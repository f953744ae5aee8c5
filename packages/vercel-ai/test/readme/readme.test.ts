import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, it } from "vitest";

import { asking, askingPlane, countingTool } from "../planes.ts";
import { ScriptedModel } from "../scripted-model.ts";
import { firstCall, firstPolicies } from "./first-call.ts";
import { routeOf } from "./route.ts";

const here = (...names: readonly string[]): string =>
  readFileSync(path.join(import.meta.dirname, ...names), "utf8");

/** Lines that do something, wherever they stand. */
const codeIn = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim().replace(/^export /, ""))
    .filter((line) => line !== "" && !line.startsWith("import "));

it("has no snippet that is not compiled here, line by line", () => {
  const snippets = [...here("..", "..", "README.md").matchAll(/^```ts\n(.*?)^```/gms)].map(
    ([, code]) => code,
  );
  const sources = ["first-call.ts", "route.ts"].map((name) => codeIn(here(name)));
  expect(snippets).toHaveLength(sources.length);
  for (const [at, code] of snippets.entries()) {
    let from = 0;
    const missing = codeIn(code ?? "").filter((line) => {
      const found = (sources[at] ?? []).indexOf(line, from);
      from = Math.max(from, found + 1);
      return found < 0;
    });
    expect(missing).toEqual([]);
  }
});

it("governs the first call", async () => {
  const wipe = countingTool();
  const model = new ScriptedModel([{ calls: [{ name: "delete_all" }] }, { text: "I must not." }]);
  const text = await firstCall({
    policies: firstPolicies(),
    model,
    tools: { delete_all: wipe.tool },
    messages: [{ role: "user", content: "wipe it" }],
    chatId: "c",
  });
  expect(text).toBe("I must not.");
  expect(model.told).toContain("must not be used here");
  expect(wipe.runs).toEqual([]);
});

it("asks in the chat of the route, and takes the answer of whoever is signed in", async () => {
  const pay = countingTool();
  const model = new ScriptedModel([
    { calls: [{ id: "c1", name: "pay", input: { n: 5 } }] },
    { text: "Paid." },
  ]);
  const auth = async () => ({ userId: "mira" });
  const post = routeOf({ plane: askingPlane([asking("pay")]), model, tools: { pay: pay.tool }, auth });
  const send = async (...messages: readonly object[]): Promise<string> => {
    const body = JSON.stringify({ id: "chat", messages });
    return (await post(new Request("http://127.0.0.1/api/chat", { method: "POST", body }))).text();
  };
  const user = { id: "1", role: "user", parts: [{ type: "text", text: "pay 5" }] };
  const asked = await send(user);
  const [, id] = /"approvalId":"([^"]+)"/.exec(asked) ?? [];
  const [, requestReason] = /"reason":"([^"]+)"/.exec(asked) ?? [];
  expect(requestReason).toContain("pay needs a person");
  expect(pay.runs).toEqual([]);
  const approval = { id, approved: true, requestReason };
  const call = { type: "tool-pay", toolCallId: "c1", state: "approval-responded", input: { n: 5 }, approval };
  expect(await send(user, { id: "2", role: "assistant", parts: [call] })).toContain("Paid.");
  expect(pay.runs).toEqual([{ n: 5 }]);
});

it("blocks what needs a human where the plane was not told that somebody answers", async () => {
  const pay = countingTool();
  const model = new ScriptedModel([{ calls: [{ name: "pay" }] }]);
  await firstCall({
    policies: [asking("pay")],
    model,
    tools: { pay: pay.tool },
    messages: [{ role: "user", content: "pay" }],
    chatId: "c",
  });
  expect(model.requests).toHaveLength(2);
  expect(model.told).toContain("execution-denied");
  expect(pay.runs).toEqual([]);
});
