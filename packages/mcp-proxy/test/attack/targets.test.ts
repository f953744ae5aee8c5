import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay } from "../wired-relay.ts";

const NO_SECRETS: Policy = {
  id: "no-secrets",
  blocking: [rule.condition({ where: { target: { glob: "secret:*" } } })],
};
const served = { serve: () => ({ result: { contents: [] } }) };
const argument = { name: "id", value: "" };

describe("a request that aims at something", () => {
  test.each([
    ["a list", "resources/read", { uri: ["secret:1"] }],
    ["an object", "resources/subscribe", { uri: { toString: "secret:1" } }],
    ["nothing", "prompts/get", {}],
    ["a number", "tasks/result", { taskId: 7 }],
    [
      "a reference of no known kind",
      "completion/complete",
      { ref: { type: "ref/other", name: "secret:1" }, argument },
    ],
    ["a prompt without a name", "completion/complete", { ref: { type: "ref/prompt" }, argument }],
    ["more than rules can read", "resources/read", { uri: `open:${"x".repeat(5_000)}` }],
  ])("named by %s is refused: a careless server would take it for a name", async (_what, method, params) => {
    const { client, answer, toServer, plane } = wiredRelay({ policies: [NO_SECRETS] }, served);
    client(request(1, method, params));
    expect(await answer(1)).toHaveProperty("error.code", -32_602);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test.each([
    ["left out", undefined],
    ["null", null],
  ])("is asked for its values where they are %s: that is no way around them", async (_what, given) => {
    const confirmed = rule.condition({
      where: { target: "letter" },
      require: { input: { confirmed: true } },
    });
    const { client, answer, toServer, plane } = wiredRelay(
      { policies: [{ id: "confirmed", blocking: [confirmed] }] },
      served,
    );
    client(request(1, "prompts/get", { name: "letter", arguments: given }));
    expect(await answer(1)).toHaveProperty("error");
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test("is judged with the values that a completion depends on, and they go on as rules left them", async () => {
    const policies: Policy[] = [
      { id: "in", blocking: [rule.redact({ from: ["input"], detect: ["email"] })] },
    ];
    const { client, answer, toServer, plane } = wiredRelay({ policies }, served);
    const ask = (id: number, context: unknown) =>
      client(
        request(id, "completion/complete", { ref: { type: "ref/prompt", name: "p" }, argument, context }),
      );
    ask(2, { arguments: { to: "a@example.com" }, more: 1 });
    await answer(2);
    ask(3, ["a@example.com"]);
    expect(await answer(3)).toHaveProperty("error.code", -32_602);
    expect(toServer).toHaveLength(1);
    expect(JSON.parse(toServer[0] ?? "")).toHaveProperty("params", {
      ref: { type: "ref/prompt", name: "p" },
      argument,
      context: { arguments: { to: "[EMAIL]" }, more: 1 },
    });
    await plane.close();
  });

  test("is judged by what the kind of its reference means, whatever else it names", async () => {
    const { client, answer, toServer, plane } = wiredRelay({ policies: [NO_SECRETS] }, served);
    client(
      request(1, "completion/complete", {
        ref: { type: "ref/resource", name: "open", uri: "secret:{id}" },
        argument,
      }),
    );
    expect(await answer(1)).toHaveProperty("error.code", -31_403);
    client(request(2, "completion/complete", { ref: { type: "ref/prompt", name: "open" }, argument }));
    expect(await answer(2)).toHaveProperty("result");
    expect(toServer).toHaveLength(1);
    await plane.close();
  });

  test("completes no template of resources that may not be read", async () => {
    const policies: Policy[] = [
      {
        id: "no-reading",
        selector: { hookpoints: ["before_resource_read"] },
        blocking: [rule.condition({ where: { target: { glob: "db:*" } } })],
      },
    ];
    const { client, answer, toServer, plane } = wiredRelay({ policies }, served);
    client(request(1, "completion/complete", { ref: { type: "ref/resource", uri: "db:{row}" }, argument }));
    expect(await answer(1)).toHaveProperty("error.code", -31_403);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });
});

test("the name of a hidden tool is told as it was called, whatever it is", async () => {
  const unknown = { error: { code: -32_602, message: "Unknown tool: agentplane-no-such-tool" } };
  const policies: Policy[] = [{ id: "few", blocking: [rule.allowlist({ tools: ["find"] })] }];
  const { client, answer, plane } = wiredRelay({ policies }, { serve: () => unknown });
  for (const [id, name] of ["$&", "$`", "$'", "$$"].entries()) {
    client(callOf(id, name));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await answer(id)).toHaveProperty("error.message", `Unknown tool: ${name}`);
  }
  await plane.close();
});

test("an id that cannot be repeated is repeated as it was written", async () => {
  const { client, toClient, plane } = wiredRelay({ policies: [NO_SECRETS] });
  client('{"jsonrpc":"2.0","id":12345678901234567891,"method":"resources/read","params":{"uri":"secret:1"}}');
  await expect.poll(() => toClient.length).toBe(1);
  expect(toClient[0]).toContain('"id":12345678901234567891,');
  await plane.close();
});

test("what stands beside a result is redacted too, and what handles it stays", async () => {
  const policies: Policy[] = [{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }];
  const result = {
    content: [],
    _meta: { "x/owner": "mira@example.com" },
    nextCursor: "mira@example.com",
    ["__proto__"]: { to: "mira@example.com" },
  };
  const { client, answer, toClient, plane } = wiredRelay({ policies }, { serve: () => ({ result }) });
  client(callOf(1, "f"));
  expect(await answer(1)).toHaveProperty("result.nextCursor", "mira@example.com");
  expect(toClient[0]?.split("mira@example.com")).toHaveLength(2);
  await plane.close();
});
