import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, inSession, post, SESSION, stream } from "../http/proxied.ts";

const SECRET =
  'id: a2\ndata: {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a@example.com"}]}}\n\n';
const REDACT: Policy = {
  id: "privacy",
  selector: { tools: ["secret"] },
  blocking: [rule.redact({ detect: ["email"] })],
};

describe("a stream that is gone on with", () => {
  test.each([
    ["was given", SECRET],
    ["was cut", ""],
  ])("does not bring the answer of one call, which %s, under the rules of another", async (_name, rest) => {
    const { url, proxy } = await inSession(
      (one, response) => {
        if (one.method === "GET") {
          stream(response, SECRET);
          return response.end();
        }
        if (one.body.includes('"secret"')) {
          stream(response, `id: a1\ndata:\n\n${rest}`);
          return response.end();
        }
        // The other call runs on.
        return stream(response, "id: b1\ndata:\n\n");
      },
      [REDACT],
      { resumeMs: 1 },
    );
    const first = await (await post(url, callOf(7, "secret"), SESSION)).text();
    expect(first).not.toContain("a@example.com");
    const others: Response[] = [];
    const again = (): Promise<Response> => post(url, callOf(7, "free"), SESSION);
    // The id is free again once nobody can go on with its stream.
    await expect.poll(async () => others[others.push(await again()) - 1]?.status).toBe(200);
    const headers = { accept: "text/event-stream", ...SESSION, "last-event-id": "a1" };
    const resumed = await (await fetch(url, { headers })).text();
    const said = others.at(-1)?.text();
    await proxy.close();
    expect(resumed + ((await said) ?? "")).not.toContain("a@example.com");
  });

  test("brings an answer again, and to a stopped agent none", async () => {
    const { url, plane } = await inSession((one, response) => {
      stream(response, one.method === "GET" ? SECRET : `id: a1\ndata:\n\n${SECRET}`);
      response.end();
    });
    await (await post(url, callOf(7, "free"), SESSION)).text();
    const headers = { accept: "text/event-stream", ...SESSION, "last-event-id": "a1" };
    expect(await (await fetch(url, { headers })).text()).toContain("a@example.com");
    await plane.controls.unplug({ kind: "agent", id: "writer" }, { by: "olga", reason: "x" });
    expect(await (await fetch(url, { headers })).text()).not.toContain("a@example.com");
  });
});
