import { rule } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { ASK, refundTool } from "./agent-script.ts";
import {
  APIS,
  clientOf,
  LIMITS,
  ME,
  provider,
  run,
  SAID,
  USED,
  useProvider,
  watched,
  type Api,
} from "./twice-governed.ts";

useProvider();

const REDACT = {
  id: "words",
  blocking: [rule.redact({ detect: ["email"], from: ["result" as const, "response" as const] })],
};
const STYLES = (["responses", "chat"] as const).flatMap((api) =>
  [false, true].map((isStreamed): [Api, boolean] => [api, isStreamed]),
);

describe.each(STYLES)("a governed agent on a governed client, %s, streamed: %s", (api, isStreamed) => {
  const { model, reply } = APIS[api];

  test("is decided once and charged once", async () => {
    const seen = watched();
    provider.reset(reply(isStreamed));
    const result = await run(seen, model(clientOf(seen)), isStreamed);
    expect(result.finalOutput).toBe(SAID);
    expect([seen.decided, await seen.charged()]).toStrictEqual([["writer allow"], [1, USED]]);
  });

  test("is decided once and charged once with the calls of earlier turns in its history", async () => {
    const seen = watched();
    const turn = (...ids: string[]) =>
      reply(
        isStreamed,
        "",
        ids.map((id) => ({ id, name: "refund", input: { amount: 5 } })),
      );
    provider.reset(turn("c0", "c1"), turn("c2", "c3"), reply(isStreamed));
    const ran: unknown[] = [];
    const result = await run(seen, model(clientOf(seen)), isStreamed, [refundTool(ran)]);
    expect([result.finalOutput, ran.length]).toStrictEqual([SAID, 4]);
    expect([seen.decided, await seen.charged()]).toStrictEqual([
      Array(3).fill("writer allow"),
      [3, 3 * USED],
    ]);
  });

  test("is one call where the client tries again", async () => {
    const seen = watched();
    provider.reset({ status: 500, headers: { "retry-after-ms": "1" }, json: {} }, reply(isStreamed));
    await run(seen, model(clientOf(seen, ME, 2)), isStreamed);
    expect(provider.seen).toHaveLength(2);
    expect([seen.decided, await seen.charged()]).toStrictEqual([["writer allow"], [1, USED]]);
  });

  test("is charged once where the answer is judged, before a wrapper of the client reads it", async () => {
    const seen = watched({ policies: [LIMITS, REDACT] });
    provider.reset(reply(isStreamed));
    const read: string[] = [];
    const client = clientOf(seen);
    const wrapped = client.withOptions({});
    const own = api === "chat" ? wrapped.chat.completions : wrapped.responses;
    const create = own.create.bind(own) as (
      ...args: unknown[]
    ) => Promise<unknown> & { asResponse(): Promise<Response> };
    Object.assign(own, {
      create(...args: unknown[]) {
        const asked = create(...args);
        void (isStreamed
          ? asked.asResponse().then(async (response) => read.push(await response.clone().text()))
          : asked.then((said) => read.push(JSON.stringify(said))));
        return asked;
      },
    });
    const result = await run(seen, model(wrapped), isStreamed);
    expect(result.finalOutput).not.toContain("ann@acme.com");
    await expect.poll(() => read.length).toBe(1);
    expect(read[0]).not.toContain("ann@acme.com");
    expect(await seen.charged()).toStrictEqual([1, USED]);
  });

  test("pauses where a tool that it calls needs a human", async () => {
    const seen = watched({ policies: [LIMITS, ASK] });
    const call = { id: "c0", name: "refund", input: { amount: 5 } };
    provider.reset(reply(isStreamed, "", [call]), reply(isStreamed));
    const ran: unknown[] = [];
    const result = await run(seen, model(clientOf(seen)), isStreamed, [refundTool(ran)]);
    expect(result.interruptions).toHaveLength(1);
    expect(ran).toStrictEqual([]);
    expect([seen.decided, await seen.charged()]).toStrictEqual([["writer allow"], [1, USED]]);
  });
});
