import { memorySink, rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const KEY = "AKIAQ3EGRZ7T5LKPW2VX";
const TASK = { task: { taskId: "t1", status: "working" } };
const SAMPLE = {
  messages: [{ role: "user", content: { type: "text", text: "who?" } }],
  maxTokens: 50,
  task: { ttl: 60_000 },
};
const OF_MODELS: Policy = {
  id: "models",
  selector: { hookpoints: ["before_model_call", "after_model_call"] },
  blocking: [rule.redact({ detect: ["email"] })],
};

function begun(policies: Policy[], more: PlaneOptions = {}) {
  const wired = wiredRelay({ policies, ...more }, { serve: () => ({ result: {} }) });
  wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  return wired;
}

describe("what a client gives a server by way of a task", () => {
  test.each(["tasks/result", "tasks/get"])(
    "is judged as the model call that began it: %s",
    async (method) => {
      const { server, client, answer, toServer, plane } = begun([OF_MODELS]);
      await answer(0);
      server(request("s1", "sampling/createMessage", SAMPLE));
      await answer("s1");
      client({ jsonrpc: "2.0", id: "s1", result: TASK });
      await expect.poll(() => toServer.join()).toContain('"t1"');
      server(request("s2", method, { taskId: "t1" }));
      await answer("s2");
      const result = { role: "assistant", model: "m", content: { type: "text", text: `ask ${MAIL}` } };
      client({ jsonrpc: "2.0", id: "s2", result });
      await expect.poll(() => toServer.join()).toContain('"id":"s2"');
      expect(toServer.join()).toContain("assistant");
      expect(toServer.join()).not.toContain(MAIL);
      await plane.close();
    },
  );

  test("is judged so as well where the answer that began it was withheld", async () => {
    const ofModels: Policy = { ...OF_MODELS, blocking: [rule.secretScan()] };
    const { server, client, answer, toServer, plane } = begun([ofModels]);
    await answer(0);
    server(request("s1", "sampling/createMessage", SAMPLE));
    await answer("s1");
    client({ jsonrpc: "2.0", id: "s1", result: { task: { ...TASK.task, statusMessage: KEY } } });
    await expect.poll(() => toServer.join()).toContain('"error"');
    // A list of tasks tells its id all the same.
    server(request("s2", "tasks/result", { taskId: "t1" }));
    await answer("s2");
    client({ jsonrpc: "2.0", id: "s2", result: { content: { type: "text", text: KEY } } });
    await expect.poll(() => toServer.join()).toContain('"id":"s2"');
    expect(toServer.join()).not.toContain(KEY);
    await plane.close();
  });

  test("is judged as a part of the session where no call has begun it, and so is what nobody knows yet", async () => {
    const { server, client, answer, toServer, plane } = begun([
      { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] },
    ]);
    await answer(0);
    for (const [id, method] of [
      ["s1", "tasks/result"],
      ["s2", "unheard/of"],
    ] as const) {
      server(request(id, method, { taskId: "t9" }));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await answer(id);
      client({ jsonrpc: "2.0", id, result: { words: `ask ${MAIL}` } });
    }
    await expect.poll(() => toServer.join()).toMatch(/"id":"s1".*"id":"s2"/);
    expect(toServer.join()).not.toContain(MAIL);
    await plane.close();
  });
});

describe("an address to which a server sends the user", () => {
  const ask = (url: unknown) => ({ mode: "url", elicitationId: "e", message: "log in", url });

  test.each([
    "javascript:alert(1)",
    " JaVa\tScript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "x",
    7,
  ])("is refused where it is no page: %j", async (url) => {
    const audit = memorySink();
    const { server, client, answer, toClient, toServer, plane } = begun([], { audit });
    await answer(0);
    server(request("s1", "elicitation/create", ask(url)));
    await expect.poll(() => toServer.join()).toContain('"action":"decline"');
    // That it wanted to is no secret of the log's.
    expect(audit.records().slice(-2)).toMatchObject([
      { kind: "decision", callId: "server:string:s1", decision: { hookpoint: "before_elicitation" } },
      { kind: "outcome", outcome: "failed" },
    ]);
    client(callOf(1, "f"));
    await answer(1);
    expect(toClient.join()).not.toContain("elicitationId");
    await plane.close();
  });

  test("says why to the server, in the log, and in a record that holds results", async () => {
    const audit = memorySink();
    const logged: string[] = [];
    const policies = [{ id: "all", nonBlocking: [rule.audit({ includeResult: true })] }];
    const wired = wiredRelay({ audit, policies }, { log: (line) => void logged.push(line) });
    wired.server(request("s1", "elicitation/create", ask("javascript:alert(1)")));
    await expect.poll(() => wired.toServer.join()).toContain('"action":"decline"');
    const why = "an address that is neither http nor https";
    expect(JSON.parse(wired.toServer[0] ?? "")).toHaveProperty(
      ["result", "_meta", "agentplane/reason"],
      expect.stringContaining(why),
    );
    expect(logged.join()).toMatch(/elicitation\/create "s1".*declined.*neither http nor https/);
    expect(audit.records().at(-1)).toMatchObject({
      kind: "outcome",
      outcome: "failed",
      result: { message: expect.stringContaining(why) as unknown },
    });
    await wired.plane.close();
  });

  test("is refused inside an answer, and in an error", async () => {
    const inputRequests = { q: { method: "elicitation/create", params: ask("javascript:alert(1)") } };
    const answers = [
      { result: { resultType: "input_required", inputRequests } },
      { error: { code: -32_042, message: "first", data: { elicitations: [ask("javascript:alert(1)")] } } },
    ];
    const { client, answer, toClient, plane } = wiredRelay({}, { serve: () => answers.shift() });
    client(callOf(1, "f"));
    expect(await answer(1)).toHaveProperty(
      "error.message",
      expect.stringContaining("neither http nor https"),
    );
    client(callOf(2, "f"));
    expect(await answer(2)).toHaveProperty(
      "error.message",
      expect.stringContaining("neither http nor https"),
    );
    expect(toClient.join()).not.toContain("javascript");
    await plane.close();
  });

  test.each(["https://example.org/login", "http://127.0.0.1:8080/"])(
    "passes where it is one: %s",
    async (url) => {
      const { server, answer, plane } = begun([]);
      await answer(0);
      server(request("s1", "elicitation/create", ask(url)));
      expect(await answer("s1")).toHaveProperty("params.url", url);
      await plane.close();
    },
  );
});

describe("a server that wants the client's model when the agent is stopped", () => {
  const reason = { by: "olga", reason: "x" };

  test("does not get it, and what it waits for is cut", async () => {
    const { server, answer, toClient, toServer, plane } = begun([]);
    await answer(0);
    server(request("s1", "sampling/createMessage", SAMPLE));
    await answer("s1");
    await plane.controls.unplug({ kind: "agent", id: "writer" }, reason);
    await expect.poll(() => toClient.join()).toContain("notifications/cancelled");
    await expect.poll(() => toServer.join()).toMatch(/"id":"s1".*"error"|"error".*"id":"s1"/);
    server(request("s2", "sampling/createMessage", SAMPLE));
    await expect.poll(() => toServer.join()).toMatch(/"id":"s2".*"error"|"error".*"id":"s2"/);
    expect(toClient.join()).not.toContain('"s2"');
    await plane.close();
  });
});

describe("what a server says beside a question that no rule is about", () => {
  const ask = async (policy: Policy, words: string) => {
    const { server, toServer, toClient, plane } = begun([policy]);
    for (const [at, method] of ["roots/list", "ping", "tasks/list", "unheard/of"].entries())
      server(request(`s${at}`, method, { note: words, _meta: { progressToken: "p", note: words } }));
    await expect.poll(() => [...toServer, ...toClient].filter((text) => text.includes('"s')).length).toBe(4);
    await plane.close();
    return toClient.filter((text) => text.includes('"s')).map((text) => JSON.parse(text) as unknown);
  };

  test("is redacted", async () => {
    const asked = await ask({ id: "p", blocking: [rule.redact({ detect: ["email"] })] }, MAIL);
    const params = { note: "[EMAIL]", _meta: { progressToken: "p", note: "[EMAIL]" } };
    expect(asked).toMatchObject([{ params }, { params }, { params }, { params }]);
  });

  test("is not asked where rules would withhold it", async () => {
    expect(await ask({ id: "p", blocking: [rule.secretScan()] }, KEY)).toStrictEqual([]);
  });
});
