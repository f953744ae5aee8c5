import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay, type WiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const KEY = "AKIAQ3EGRZ7T5LKPW2VX";
const words = (text: string): Record<string, unknown> => ({ content: [{ type: "text", text }] });
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const SECRETS: Policy = { id: "secrets", blocking: [rule.secretScan()] };

describe("what a tool gives by way of a task", () => {
  const OF_MAIL: Policy = {
    id: "mail",
    selector: { tools: ["read_mail"] },
    blocking: [
      rule.redact({ detect: ["email"] }),
      rule.condition({ where: { tool: "read_mail", input: { box: "private" } } }),
    ],
  };

  async function begun(name: string, task: Record<string, unknown>): Promise<WiredRelay> {
    const serve = ({ method }: Record<string, unknown>): Record<string, unknown> | undefined => {
      if (method === "tools/call") return { result: task };
      return String(method).startsWith("tasks/")
        ? { result: { ...words(MAIL), status: "completed" } }
        : undefined;
    };
    const wired = wiredRelay({ policies: [OF_MAIL] }, { serve });
    wired.client(callOf(1, name, { box: "open" }));
    await wired.answer(1);
    return wired;
  }

  test.each([
    ["tasks/result", { task: { taskId: "t1", status: "working" } }],
    ["tasks/get", { task: { taskId: "t1", status: "working" } }],
    ["tasks/get", { resultType: "task", taskId: "t1", status: "working" }],
  ])("is judged as that tool's result, got by %s", async (method, task) => {
    const { client, answer, toClient, plane } = await begun("read_mail", task);
    client(request(2, method, { taskId: "t1" }));
    expect(await answer(2)).toHaveProperty("result.status", "completed");
    expect(toClient.join()).not.toContain(MAIL);
    await plane.close();
  });

  test("is judged so as well where the answer that began it was withheld", async () => {
    const ofMail: Policy = {
      id: "s",
      selector: { tools: ["read_mail"] },
      blocking: [rule.secretScan()],
    };
    const serve = ({ method }: Record<string, unknown>): Record<string, unknown> => ({
      result: method === "tools/call" ? { task: { taskId: "t1", statusMessage: KEY } } : words(KEY),
    });
    const { client, answer, toClient, plane } = wiredRelay({ policies: [ofMail] }, { serve });
    client(callOf(1, "read_mail", { box: "open" }));
    expect(await answer(1)).toHaveProperty("result.isError", true);
    client(request(2, "tasks/result", { taskId: "t1" }));
    await answer(2);
    expect(toClient.join()).not.toContain(KEY);
    await plane.close();
  });

  test("is not judged as another tool's", async () => {
    const { client, answer, toClient, plane } = await begun("read_news", { task: { taskId: "t1" } });
    client(request(2, "tasks/result", { taskId: "t1" }));
    await answer(2);
    expect(toClient.join()).toContain(MAIL);
    await plane.close();
  });

  test("is withheld once the tool is unplugged", async () => {
    const { client, answer, plane } = await begun("read_mail", { task: { taskId: "t1" } });
    await plane.controls.unplug({ kind: "tool", id: "read_mail" }, { by: "olga", reason: "x" });
    client(request(2, "tasks/result", { taskId: "t1" }));
    expect(await answer(2)).toHaveProperty("error.code", -31_403);
    await plane.close();
  });

  test("is judged so while it runs, too", async () => {
    const { server, toClient, plane } = await begun("read_mail", { task: { taskId: "t1" } });
    const status = { taskId: "t1", status: "working", statusMessage: `for ${MAIL}` };
    server({ jsonrpc: "2.0", method: "notifications/tasks/status", params: status });
    await expect.poll(() => toClient.length).toBe(2);
    expect(toClient[1]).not.toContain(MAIL);
    await plane.close();
  });

  test("that was forgotten among too many is refused rather than judged by less", async () => {
    let count = 0;
    const serve = ({ method }: Record<string, unknown>): Record<string, unknown> => ({
      result: method === "tools/call" ? { task: { taskId: `t${++count}` } } : words(MAIL),
    });
    const { client, answer, toClient, plane } = wiredRelay({ policies: [OF_MAIL] }, { serve });
    // As many at once as may be, and one after they were answered.
    for (let id = 1; id <= 1_000; id++) client(callOf(id, "read_mail", { box: "open" }));
    await expect.poll(() => toClient.length).toBe(1_000);
    client(callOf(1_001, "read_mail", { box: "open" }));
    await answer(1_001);
    client(request("first", "tasks/result", { taskId: "t1" }));
    expect(await answer("first")).toHaveProperty("error.code", -31_403);
    client(request("last", "tasks/result", { taskId: "t1001" }));
    expect(await answer("last")).toHaveProperty("result");
    expect(toClient.join()).not.toContain(MAIL);
    await plane.close();
  });
});

describe("an error that sends the client's user to an address", () => {
  const elicitations = [
    { mode: "url", elicitationId: "e", url: "https://example.org/login", message: "log in" },
  ];
  const error = { code: -32_042, message: "log in first", data: { elicitations } };

  test("is an elicitation to policies", async () => {
    const policies: Policy[] = [
      {
        id: "no-questions",
        selector: { hookpoints: ["before_elicitation"] },
        blocking: [rule.condition({ where: { input: { url: { glob: "https://example.org/*" } } } })],
      },
    ];
    const { client, answer, toClient, plane } = wiredRelay({ policies }, { serve: () => ({ error }) });
    client(callOf(1, "f"));
    expect(await answer(1)).toHaveProperty("result.isError", true);
    client(request(2, "resources/read", { uri: "a:1" }));
    expect(await answer(2)).toHaveProperty("error.code", -31_403);
    expect(toClient.join()).not.toContain("example.org");
    await plane.close();
  });

  test("passes as it is where it may", async () => {
    const { client, answer, plane } = wiredRelay({ policies: [REDACT] }, { serve: () => ({ error }) });
    client(callOf(1, "f"));
    expect(await answer(1)).toMatchObject({ error });
    await plane.close();
  });
});

describe("an answer to what no rule is about", () => {
  test.each([
    ["the list of tasks", "tasks/list", { result: { tasks: [{ taskId: "t", statusMessage: MAIL }] } }],
    ["what nobody knows yet", "unheard/of", { result: { more: [MAIL] } }],
    [
      "an error of a list",
      "tools/list",
      { error: { code: -32_000, message: `no ${MAIL}`, data: { to: MAIL } } },
    ],
    ["an error of the beginning", "initialize", { error: { code: -32_000, message: `no ${MAIL}` } }],
  ])("is redacted: %s", async (_what, method, response) => {
    const { client, answer, toClient, plane } = wiredRelay({ policies: [REDACT] }, { serve: () => response });
    client(request(1, method));
    await answer(1);
    expect(toClient[0]).not.toContain(MAIL);
    expect(toClient[0]).toContain(method === "tasks/list" ? '"taskId":"t"' : '"jsonrpc"');
    await plane.close();
  });

  test("that a rule would withhold does not pass", async () => {
    const serve = () => ({ result: { words: KEY } });
    const { client, answer, toClient, plane } = wiredRelay({ policies: [SECRETS] }, { serve });
    client(request(1, "unheard/of"));
    expect(await answer(1)).toHaveProperty("error.code", -31_403);
    expect(toClient.join()).not.toContain(KEY);
    await plane.close();
  });

  test("passes byte for byte where rules change nothing", async () => {
    const { client, asked, answer, server, toClient, plane } = wiredRelay({ policies: [REDACT, SECRETS] });
    client(request(1, "unheard/of"));
    await asked(1);
    const line = '{"result":{"words":"w","n":1.0,"big":12345678901234567890},"id":1,"jsonrpc":"2.0"}';
    server(line);
    await answer(1);
    expect(toClient).toStrictEqual([line]);
    await plane.close();
  });
});
