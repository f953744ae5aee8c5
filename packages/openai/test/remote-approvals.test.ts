import { blockIf, rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isPolicyError, type GovernOptions } from "../src/index.ts";
import { governedClient, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import {
  ASKED,
  DONE,
  GO_ON,
  MUST_ASK,
  REQUEST,
  say,
  STOP,
  unsent as unsentTo,
  YES,
} from "./remote-script.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

function governed(options: PlaneOptions = {}, how: GovernOptions = {}) {
  return governedClient(provider, { approvals: { resolver: "external" }, ...options }, how);
}

const unsent = (request: PromiseLike<unknown>) => unsentTo(provider, request);

describe("a call on a remote MCP server that a request approves", () => {
  test.each([false, true])(
    "is not sent when it was stopped since it was asked (stream: %s)",
    async (stream) => {
      const { client, plane } = governed();
      await plane.controls.unplug({ kind: "tool", id: "shop/purge" }, STOP);
      provider.reset(DONE);
      expect((await unsent(say(client, [REQUEST, YES], { stream }))).text).toContain('it approves "purge"');
      await say(client, [REQUEST, { ...YES, approve: false }]);
      expect(provider.seen).toHaveLength(1);
      await plane.close();
    },
  );

  test.each([{}, GO_ON])(
    "is not sent where a policy would have it run with other arguments, which nobody can give it: %o",
    async (rest) => {
      const redact: Policy = {
        id: "privacy",
        selector: { hookpoints: ["before_tool_call"] },
        blocking: [rule.redact({ detect: ["email"], from: ["input"] })],
      };
      const { client, plane } = governed({ policies: [redact] });
      provider.reset(ASKED, DONE);
      await client.responses.create({ model: MODEL });
      const input = rest === GO_ON ? [YES] : [REQUEST, YES];
      expect((await unsent(say(client, input, rest))).text).toContain("other arguments");
      await plane.close();
    },
  );

  test("is sent once", async () => {
    const { client, plane } = governed();
    provider.reset(ASKED, DONE);
    await client.responses.create({ model: MODEL });
    await say(client, [YES], GO_ON);
    expect((await unsent(say(client, [YES], GO_ON))).text).toContain("already executed");
    await unsent(say(client, [REQUEST, YES]));
    await plane.close();
  });

  test("needs the plane's approval where a policy asks: for exactly this call, once", async () => {
    const { client, plane } = governed({ policies: [MUST_ASK] });
    provider.reset(ASKED, DONE);
    // The answer is shown: reading it runs nothing.
    expect(JSON.stringify(await client.responses.create({ model: MODEL }))).toContain("purge");
    const { approvalId } = await unsent(say(client, [YES], GO_ON));
    expect(await plane.approvals.get(approvalId)).toMatchObject({ status: "pending" });
    await plane.approvals.approve(approvalId, { by: "olga", role: "operator" });
    await unsent(
      say(client, [
        { ...REQUEST, id: "r2", arguments: "{}" },
        { ...YES, approval_request_id: "r2" },
      ]),
    );
    expect(await plane.approvals.get(approvalId)).toMatchObject({ status: "approved" });
    await say(client, [YES], GO_ON);
    expect(await plane.approvals.get(approvalId)).toMatchObject({ status: "consumed" });
    await unsent(say(client, [YES], GO_ON));
    await plane.close();
  });

  test("waits for its approval where the client may wait", async () => {
    const { client, plane } = governed({ policies: [MUST_ASK] }, { approvalWaitMs: 30_000 });
    provider.reset(DONE);
    const sent = say(client, [REQUEST, YES]);
    await expect.poll(() => plane.approvals.list({ status: "pending" })).toHaveLength(1);
    const [pending] = await plane.approvals.list({ status: "pending" });
    await plane.approvals.approve(pending?.id ?? "", { by: "olga", role: "operator" });
    expect((await sent).output_text).toBe("done");
    await plane.close();
  });

  test("that was denied by a human is not sent", async () => {
    const { client, plane } = governed({ policies: [MUST_ASK] });
    provider.reset(DONE);
    const { approvalId } = await unsent(say(client, [REQUEST, YES]));
    await plane.approvals.deny(approvalId, { by: "olga", role: "operator" });
    expect((await unsent(say(client, [REQUEST, YES]))).text).toContain("did not approve");
    await plane.close();
  });

  test("is tried again after an answer that says that nothing was done, and after no other", async () => {
    const { client, plane } = governed();
    const limited = { status: 429, headers: { "retry-after-ms": "1" }, json: { error: { message: "slow" } } };
    provider.reset(limited, DONE);
    await say(client, [REQUEST, YES]);
    expect(provider.seen).toHaveLength(2);
    provider.reset(
      { status: 500, headers: { "retry-after-ms": "1" }, json: { error: { message: "oh" } } },
      DONE,
    );
    const other = [
      { ...REQUEST, id: "r3" },
      { ...YES, approval_request_id: "r3" },
    ];
    expect(isPolicyError(await rejected(say(client, other)))).toBe(true);
    expect(provider.seen).toHaveLength(1);
    await plane.close();
  });

  test("is not sent when the request that says so is blocked, and is not used up", async () => {
    const { client, plane } = governed();
    provider.reset(DONE);
    let isStopped = true;
    plane.hooks.on(
      "before_model_call",
      blockIf(() => isStopped, "not now"),
    );
    expect((await unsent(say(client, [REQUEST, YES]))).text).toContain("not now");
    isStopped = false;
    await say(client, [REQUEST, YES]);
    expect(provider.seen).toHaveLength(1);
    await plane.close();
  });

  test("is recorded like any call of a tool", async () => {
    const { client, plane } = governed();
    const tools: (string | undefined)[] = [];
    plane.hooks.on("before_tool_call", ({ tool }) => void tools.push(tool?.name));
    provider.reset(DONE);
    await say(client, [REQUEST, YES]);
    expect(tools).toContain("purge");
    await plane.close();
  });

  test.each(["/conversations", "/conversations/c1/items"])(
    "is not stored with %s, from where a later request would run it",
    async (path) => {
      const { client, plane } = governed();
      provider.reset({ json: {} });
      const { text } = await unsent(client.post(path, { body: { items: [YES] } }));
      expect(text).toContain("would run with a later request");
      await plane.close();
    },
  );
});
