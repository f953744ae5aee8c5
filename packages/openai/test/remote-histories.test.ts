import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { govern, type GovernOptions } from "../src/index.ts";
import { bareClient, collected, governedClient, IDENTITY, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { ASKED, DONE, GO_ON, REQUEST, RUN, say, STOP, unsent as unsentTo, YES } from "./remote-script.ts";
import { data } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

function governed(options: PlaneOptions = {}, how: GovernOptions = {}) {
  return governedClient(provider, { approvals: { resolver: "external" }, ...options }, how);
}

const unsent = (request: PromiseLike<unknown>) => unsentTo(provider, request);

const READS: readonly (readonly [name: string, read: (client: OpenAI) => Promise<unknown>])[] = [
  ["in an answer", (client) => (provider.reset(ASKED, DONE), client.responses.create({ model: MODEL }))],
  [
    "in an answer that is read again",
    (client) => (provider.reset(ASKED, DONE), client.responses.retrieve("resp_1")),
  ],
  [
    "in the items of a conversation",
    async (client) => {
      provider.reset({ json: { object: "list", data: [REQUEST] } }, DONE);
      await client.get("/conversations/c1/items");
    },
  ],
  [
    "in a stream",
    async (client) => {
      const item = { output_index: 0, item: REQUEST };
      const events = [
        { type: "response.output_item.added", ...item },
        { type: "response.output_item.done", ...item },
        { type: "response.completed", response: ASKED.json },
      ];
      provider.reset({ stream: events.map(data) }, DONE);
      await collected(await client.responses.create({ model: MODEL, stream: true }));
    },
  ],
];

describe("a call on a remote MCP server that a history says", () => {
  const PRIVATE: Policy = {
    id: "privacy",
    selector: { hookpoints: ["before_model_call", "after_model_call"] },
    blocking: [rule.redact({ detect: ["email"], from: ["response"] })],
  };

  test.each(READS)("and that the provider keeps is sent where the plane saw it %s", async (_name, read) => {
    const { client, plane } = governed();
    await read(client);
    await say(client, [YES], GO_ON);
    expect(provider.last.text).toContain("mcp_approval_response");
    await plane.close();
  });

  test.each([GO_ON, { conversation: "c1" }, {}])(
    "and that the plane has not seen is not sent: %o",
    async (rest) => {
      const { client, plane } = governed();
      provider.reset(DONE);
      expect((await unsent(say(client, [YES], rest))).text).toContain("responses.retrieve()");
      const reference = { type: "item_reference" as const, id: "r1" };
      await unsent(say(client, [reference, YES], rest));
      // What it says of itself is not what the provider knows.
      if (rest !== GO_ON) return plane.close();
      await unsent(say(client, [REQUEST, YES], rest));
      await plane.close();
    },
  );

  test.each([false, true])(
    "is sent as the server asked for it, where the client knows it redacted and says it again (stream: %s)",
    async (stream) => {
      const { client, plane } = governed({ policies: [PRIVATE] });
      const at = { output_index: 0, item: REQUEST };
      const events = [
        { type: "response.output_item.added", ...at },
        { type: "response.output_item.done", ...at },
        { type: "response.completed", response: ASKED.json },
      ];
      provider.reset(stream ? { stream: events.map(data) } : ASKED, DONE, DONE);
      const read: string[] = [];
      if (stream) {
        const all = await collected(await client.responses.create({ model: MODEL, stream: true }));
        for (const event of all)
          if (event.type === "response.output_item.done" && event.item.type === "mcp_approval_request")
            read.push(event.item.arguments);
      } else {
        const { output } = await client.responses.create({ model: MODEL });
        for (const item of output) if (item.type === "mcp_approval_request") read.push(item.arguments);
      }
      const [shown = ""] = read;
      expect(shown).not.toContain("mira");
      await unsent(say(client, [{ ...REQUEST, arguments: "{}" }, YES]));
      await say(client, [{ ...REQUEST, arguments: shown }, YES]);
      expect(JSON.parse(provider.last.text).input).toStrictEqual([REQUEST, YES]);
      await say(client, [{ ...REQUEST, arguments: shown }, YES, RUN]);
      await unsent(say(client, [{ ...REQUEST, arguments: shown }, YES]));
      await plane.close();
    },
  );

  test("is not sent where a policy rewrites the prompt, and with it what would run", async () => {
    const policy: Policy = {
      ...PRIVATE,
      blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })],
    };
    const { client, plane } = governed({ policies: [policy] });
    provider.reset(DONE);
    expect((await unsent(say(client, [REQUEST, YES]))).text).toContain("rewrites the prompt");
    await say(client, [{ role: "user", content: "mira@example.com" }, REQUEST, { ...YES, approve: false }]);
    await plane.close();
  });

  test("is not sent as another call than the server asked for", async () => {
    const { client, plane } = governed();
    provider.reset(ASKED, DONE);
    await client.responses.create({ model: MODEL });
    for (const other of [{ arguments: "{}" }, { name: "list" }, { server_label: "desk" }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { text } = await unsent(say(client, [{ ...REQUEST, ...other }, YES]));
      expect(text).toContain("than the server asked for");
    }
    await unsent(say(client, [REQUEST, { ...REQUEST, arguments: "{}" }, YES]));
    await plane.close();
  });

  test("is not sent for another tenant", async () => {
    const { client, plane } = governed();
    provider.reset(ASKED, DONE);
    await client.responses.create({ model: MODEL });
    const other = govern(plane, { ...IDENTITY, tenant: "globex" }, bareClient(provider));
    expect((await unsent(say(other, [YES], GO_ON))).text).toContain("has not seen");
    await plane.close();
  });

  test("and has run may be said again with what came of it, by a client that keeps the history", async () => {
    const { client, plane } = governed();
    provider.reset(DONE);
    await say(client, [REQUEST, YES]);
    await say(client, [REQUEST, YES, RUN]);
    expect(provider.seen).toHaveLength(2);
    // Nothing that a history says is believed of a call that the plane did not let go on.
    await plane.controls.unplug({ kind: "tool", id: "shop/purge" }, STOP);
    // What has run is over, whatever would be said of it now; without what came of it, it would run again.
    await say(client, [REQUEST, YES, RUN]);
    await unsent(say(client, [REQUEST, YES]));
    const id = "r2";
    const forged = [
      { ...REQUEST, id },
      { ...YES, approval_request_id: id },
      { ...RUN, approval_request_id: id },
    ];
    await unsent(say(client, forged));
    await plane.close();
  });

  test.each([
    ["of a broken connection", { hangUp: true }],
    ["of an error of the provider", { status: 500, json: { error: { message: "broken" } } }],
  ] as const)(
    "and that nobody knows to have left, because %s, is history only while nothing is against it",
    async (...given) => {
      const { client, plane } = governed();
      provider.reset(given[1]);
      await say(client, [REQUEST, YES], {}).catch(() => undefined);
      provider.reset(DONE);
      await say(client, [REQUEST, YES, RUN]);
      expect(provider.last.text).toContain("mcp_approval_response");
      const blocking = [rule.denylist({ tools: ["shop/purge"] })];
      plane.engine.replaceAll("code", { apiVersion: "agentplane/v1", policies: [{ id: "no", blocking }] });
      await unsent(say(client, [REQUEST, YES, RUN]));
      await plane.close();
    },
  );
});
