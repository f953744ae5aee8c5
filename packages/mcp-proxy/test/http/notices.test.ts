import type { PlaneOptions } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { gatedAt } from "../gated-rule.ts";
import { asked, callOf, inSession, json, post, proxied, scripted, SESSION, stream } from "./proxied.ts";

const NOTICE = { jsonrpc: "2.0", method: "notifications/unheard", params: { words: "hello" } };

/** A proxy before a server without sessions, which answers calls and takes notifications with a status of its own. */
async function withoutSession(options: PlaneOptions, status: number) {
  const server = await scripted((got, response) => {
    const { id } = asked(got);
    return id === undefined
      ? response.writeHead(status).end()
      : json(response, { jsonrpc: "2.0", id, result: {} });
  });
  const { url } = await proxied(server.url, options);
  await (await post(url, callOf(1, "f"))).text();
  return { url, told: () => server.got.filter(({ body }) => body.includes("unheard")).length };
}

describe("what a client says unasked to a server without sessions, while rules think about it", () => {
  test("reaches the server, whose word the client gets", async () => {
    const rules = gatedAt("after_agent");
    const { url, told } = await withoutSession(rules.planeOptions, 400);
    const answer = post(url, NOTICE);
    await expect.poll(rules.asked).toBe(1);
    rules.letGo();
    expect((await answer).status).toBe(400);
    expect(told()).toBe(1);
  });

  test("reaches it also where it came beside a call that has its answer before", async () => {
    const rules = gatedAt("after_agent");
    const { url, told } = await withoutSession(rules.planeOptions, 202);
    const answers = await (await post(url, [callOf(2, "f"), NOTICE])).json();
    expect(answers).toMatchObject([{ id: 2 }]);
    expect(rules.asked()).toBe(1);
    rules.letGo();
    await expect.poll(told).toBe(1);
  });
});

test("what a server asks or says while it works at a call is heard on that call's stream, though another is open", async () => {
  const said = [
    { jsonrpc: "2.0", id: "q", method: "roots/list" },
    { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "at work" } },
    { jsonrpc: "2.0", id: 1, result: { content: [] } },
  ].map((message) => `data: ${JSON.stringify(message)}\n\n`);
  const { url } = await inSession((one, response) => {
    stream(response, ...(one.method === "GET" ? [": open\n\n"] : said));
    if (one.method === "POST") response.end();
  });
  const open = await fetch(url, { headers: { accept: "text/event-stream", ...SESSION } });
  const reader = open.body?.getReader();
  await reader?.read();
  expect(await (await post(url, callOf(1, "f"), SESSION)).text()).toBe(said.join(""));
  await reader?.cancel();
});
