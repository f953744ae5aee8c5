import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { describe, expect, test } from "vitest";

import { endSession } from "../../src/call/agent-session.ts";
import { BegunTasks, TaskMemory } from "../../src/connection/begun-tasks.ts";
import { Lasting } from "../../src/connection/lasting.ts";
import { ownFrame } from "../../src/frame/frame.ts";
import { callOf, request, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const OF_MAIL: Policy = {
  id: "mail",
  selector: { tools: ["read_mail"] },
  blocking: [rule.redact({ detect: ["email"] })],
};
const NO_TASK: Policy = {
  id: "no-task",
  selector: { hookpoints: ["before_resource_read"] },
  blocking: [rule.condition({ where: { target: { glob: "task:secret*" } } })],
};

/** A server whose tools begin tasks, and which knows the tasks of others as well. */
function serve({ method, params }: Record<string, unknown>): Record<string, unknown> {
  const { taskId = "t1" } = (params ?? {}) as { taskId?: string };
  switch (method) {
    case "tools/call":
      return { result: { task: { taskId, status: "working" } } };
    case "tools/list":
      return { result: { tools: [{ name: "read_news" }, { name: "read_mail" }] } };
    case "tasks/list":
      return {
        result: {
          tasks: [
            { taskId: "t1", statusMessage: `for ${MAIL}`, ttl: 1 },
            { taskId: "secret-1", statusMessage: "x" },
          ],
        },
      };
    default:
      return { result: { content: [{ type: "text", text: MAIL }] } };
  }
}

function planeOf(...policies: readonly Policy[]) {
  return createAgentPlane({ scanner: createScanner(), policies: [...policies] });
}

describe.each(["tasks/result", "tasks/get"])("what a task gives, got by %s", (method) => {
  test("in another session is judged as the result of the tool that began it, and not of others", async () => {
    const plane = planeOf(OF_MAIL);
    const one = wiredRelay({}, { plane, serve });
    one.client(callOf(1, "read_mail"));
    await one.answer(1);
    const identity = { agent: "writer", tenant: "acme", session: "s2" };
    const other = wiredRelay({}, { plane, serve, identity });
    other.client(request(1, method, { taskId: "t1" }));
    await other.answer(1);
    expect(other.toClient.join()).not.toContain(MAIL);
    const notice = { taskId: "t1", statusMessage: MAIL };
    other.server({ jsonrpc: "2.0", method: "notifications/tasks/status", params: notice });
    expect(other.toClient[1]).toContain("[EMAIL]");
    await plane.close();
  });

  test("that no call is known to have begun meets the rules of every tool", async () => {
    const wired = wiredRelay({ policies: [OF_MAIL] }, { serve });
    wired.client(request(1, method, { taskId: "t9" }));
    expect(await wired.answer(1)).toHaveProperty("result.content.0.text", "[EMAIL]");
    await wired.plane.close();
  });
});

test("a list of tasks shows of each what rules leave, and none that may not be read", async () => {
  const wired = wiredRelay({ policies: [OF_MAIL, NO_TASK] }, { serve });
  wired.client(callOf(1, "read_mail"));
  await wired.answer(1);
  wired.client(request(2, "tasks/list"));
  expect(await wired.answer(2)).toHaveProperty("result", {
    tasks: [{ taskId: "t1", statusMessage: "for [EMAIL]", ttl: 1 }],
  });
  await wired.plane.close();
});

test("a list of tasks of which rules leave all passes byte for byte", async () => {
  const wired = wiredRelay({ policies: [OF_MAIL] });
  wired.client(request(1, "tasks/list"));
  await wired.asked(1);
  const line = '{"jsonrpc":"2.0","id":1, "result":{"tasks":[{"taskId":"t9","ttl":1.0}],"nextCursor":"x"}}';
  wired.server(line);
  await wired.asked(2);
  wired.server({
    ...serve({ method: "tools/list" }),
    jsonrpc: "2.0",
    id: (JSON.parse(wired.toServer[1] ?? "") as { id: string }).id,
  });
  await wired.answer(1);
  expect(wired.toClient).toStrictEqual([line]);
  await wired.plane.close();
});

test.each(["tasks/cancel", "tasks/update", "tasks/get", "tasks/result"])(
  "%s of a task that may not be read does not reach the server",
  async (method) => {
    const wired = wiredRelay({ policies: [NO_TASK] }, { serve });
    wired.client(request(1, method, { taskId: "secret-1" }));
    expect(await wired.answer(1)).toHaveProperty("error.code", -31_403);
    expect(wired.toServer).toStrictEqual([]);
    wired.client(request(2, method, { taskId: "t2" }));
    expect(await wired.answer(2)).toHaveProperty("result");
    wired.client(request(3, method, { taskId: 7 }));
    expect(await wired.answer(3)).toHaveProperty("error.code", -32_602);
    await wired.plane.close();
  },
);

test("of a task that nobody knows nothing is shown while the server does not say which tools it has", async () => {
  const busy = (asked: Record<string, unknown>): Record<string, unknown> =>
    asked["method"] === "tools/list" ? { error: { code: -32_603, message: "busy" } } : serve(asked);
  const wired = wiredRelay({ policies: [OF_MAIL] }, { serve: busy });
  wired.client(request(1, "tasks/result", { taskId: "t9" }));
  await wired.answer(1);
  expect(wired.toClient.join()).not.toContain(MAIL);
  await wired.plane.close();
});

test("what stays of a list of tasks is as it is written, whatever its numbers say", async () => {
  const listed = (asked: Record<string, unknown>): Record<string, unknown> | undefined =>
    asked["method"] === "tools/list" ? serve(asked) : undefined;
  const wired = wiredRelay({ policies: [NO_TASK] }, { serve: listed });
  wired.client(request(1, "tasks/list"));
  await wired.asked(1);
  const kept = '{"taskId":"t1", "ttl":12345678901234567890}';
  wired.server(`{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"taskId":"secret-1"},${kept}]}}`);
  await wired.answer(1);
  expect(wired.toClient[0]).toContain(`"tasks":[${kept}]`);
  await wired.plane.close();
});

test("long inputs of calls that began tasks are not kept without end: what the oldest give is withheld", async () => {
  const long = "x".repeat(4_000_000);
  const plane = planeOf(OF_MAIL);
  const begin = ({ method, params }: Record<string, unknown>): Record<string, unknown> =>
    method === "tools/call"
      ? { result: { task: { taskId: (params as { name: string }).name, status: "working" } } }
      : { result: { content: [] } };
  const one = wiredRelay({}, { plane, serve: begin });
  for (let at = 0; at < 12; at++) one.client(callOf(at, `tool-${at}`, { long }));
  await one.answer(11);
  const other = wiredRelay({}, { plane, serve: begin, identity: { agent: "reader", tenant: "acme" } });
  for (const wired of [one, other])
    for (const [id, taskId] of [
      ["first", "tool-0"],
      ["last", "tool-11"],
    ] as const) {
      wired.client(request(id, "tasks/result", { taskId }));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await wired.answer(id)).toHaveProperty(id === "first" ? "error.code" : "result");
    }
  await plane.close();
});

describe("a task of which too much is to be remembered", () => {
  const POLICIES = [OF_MAIL, { ...OF_MAIL, id: "news", selector: { tools: ["read_news"] } }];

  /** Whether another session gets what a task gives that so many calls of one tool and then one of another have begun. */
  async function isShown(first: string, others: string, count: number): Promise<boolean> {
    const plane = planeOf(...POLICIES);
    const one = wiredRelay({}, { plane, serve });
    one.client(callOf(0, first));
    await one.answer(0);
    for (let at = 1; at <= count; at++) one.client(callOf(at, others));
    await one.answer(count);
    const other = wiredRelay({}, { plane, serve, identity: { agent: "reader", tenant: "acme" } });
    other.client(request("r", "tasks/result", { taskId: "t1" }));
    const { result } = await other.answer("r");
    await plane.close();
    expect(other.toClient.join()).not.toContain(MAIL);
    return result !== undefined;
  }

  test("since many calls have begun one of its id, is withheld: the first may have been of any tool", async () => {
    expect(await isShown("read_mail", "look", 15)).toBe(true);
    expect(await isShown("read_mail", "look", 16)).toBe(false);
    expect(await isShown("read_mail", "look", 40)).toBe(false);
  });
});

test("many sessions hold no more together than some, and what ends gives it back", () => {
  const memory = new TaskMemory(1_000);
  const bounds = { maxTasks: 10, maxOfOneId: 1, isOnePart: false, memory };
  const begun = (taskId: string) => ({
    request: ownFrame(callOf(1, "x".repeat(300))),
    answer: ownFrame({ result: { task: { taskId } } }),
  });
  const call = { hookpoint: "before_tool_call", agent: "a", tool: "f" } as const;
  const sessions = Array.from({ length: 4 }, () => new BegunTasks(bounds));
  for (const session of sessions) session.remember(call, begun("t"));
  const known = () => sessions.map((session) => session.callsOf("t") !== "forgotten");
  expect(known()).toStrictEqual([true, true, false, false]);
  sessions[0]?.end();
  sessions[3]?.remember(call, begun("t"));
  expect(known()).toStrictEqual([false, true, false, true]);
});

test("a session that ends gives back what it remembers of tasks", async () => {
  const lasting = new Lasting();
  const call = { hookpoint: "before_tool_call", agent: "a", tool: "f" } as const;
  const told = {
    request: ownFrame(callOf(1, "f")),
    answer: ownFrame({ result: { task: { taskId: "t" } } }),
  };
  for (const tasks of [lasting.tasks, lasting.clientTasks]) tasks.remember(call, told);
  await endSession({ lasting, options: { plane: planeOf() }, log: () => undefined });
  for (const tasks of [lasting.tasks, lasting.clientTasks]) expect(tasks.callsOf("t")).toBe("forgotten");
});
