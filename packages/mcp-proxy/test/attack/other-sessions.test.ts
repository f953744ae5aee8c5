import type { ServerResponse } from "node:http";

import { expect, test } from "vitest";

import {
  asked,
  begun,
  callOf,
  INITIALIZE,
  json,
  post,
  proxied,
  scripted,
  stream,
  type Got,
} from "../http/proxied.ts";

const [ONE, TWO] = ["s-1", "s-2"].map((id) => ({ "mcp-session-id": id })) as [Session, Session];
type Session = { readonly "mcp-session-id": string };
const answer = (id: number, text: string): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${text}"}]}}`;

/** A proxy whose server has begun two sessions through it. */
async function twoSessions(act: (got: Got, response: ServerResponse) => void) {
  let count = 0;
  const server = await scripted((got, response) => {
    if (got.body.includes('"initialize"')) count++;
    if (!begun(got, response, `s-${count}`)) act(got, response);
  });
  const made = await proxied(server.url);
  for (let session = 0; session < 2; session++)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await (await post(made.url, INITIALIZE)).text();
  return { ...server, url: made.url };
}

test.each(["s-3", "S-1", "s-1,s-2", "../s-1", ""])(
  "a session that this proxy has not begun does not reach the server: %j",
  async (id) => {
    const { url, got } = await twoSessions((_one, response) => json(response, {}));
    const headers = { "mcp-session-id": id, accept: "text/event-stream" };
    const statuses = await Promise.all([
      post(url, callOf(1, "f"), { "mcp-session-id": id }),
      fetch(url, { headers }),
      fetch(url, { method: "DELETE", headers }),
    ]).then((answers) => answers.map(({ status }) => status));
    expect(statuses).toStrictEqual([404, 404, 404]);
    expect(got).toHaveLength(2);
  },
);

test("a session does not hear what another one was told, though the server would tell it again", async () => {
  const { url } = await twoSessions((one, response) => {
    if (one.method === "GET") {
      // As careless servers do, whose events have one store for all.
      stream(response, `id: a2\ndata: ${answer(7, "of the first")}\n\n`, "id: a3\ndata:\n\n");
      return response.end();
    }
    if (one.headers["mcp-session-id"] === "s-2") return stream(response, ": wait\n\n");
    stream(response, "id: a1\ndata:\n\n", `id: a2\ndata: ${answer(7, "of the first")}\n\n`);
    return response.end();
  });
  expect(await (await post(url, callOf(7, "f"), ONE)).text()).toContain("of the first");
  const resumed = { accept: "text/event-stream", "last-event-id": "a1", ...TWO };
  expect(await (await fetch(url, { headers: resumed })).text()).not.toContain("of the first");
  // Nor while it waits for an answer under the same id.
  const own = await post(url, callOf(7, "f"), TWO);
  expect(await (await fetch(url, { headers: resumed })).text()).not.toContain("of the first");
  await own.body?.cancel();
});

test("a session does not cancel what another one has asked, nor answer what that was asked", async () => {
  const open: ServerResponse[] = [];
  const { url, got } = await twoSessions((one, response) => {
    if (asked(one).method !== "tools/call") return response.writeHead(202).end();
    stream(response, 'data: {"jsonrpc":"2.0","id":"q","method":"roots/list"}\n\n');
    return void open.push(response);
  });
  const running = await post(url, callOf(7, "f"), ONE);
  const reader = running.body?.getReader();
  await reader?.read();
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } };
  await post(url, cancel, TWO);
  await post(url, { jsonrpc: "2.0", id: "q", result: { roots: [] } }, TWO);
  const ofOne = got.filter(({ headers }) => headers["mcp-session-id"] === "s-1");
  expect(ofOne.map((one) => asked(one).method)).toStrictEqual(["tools/call"]);
  expect(got.some(({ body }) => body.includes('"roots"'))).toBe(false);
  open[0]?.end(`data: ${answer(7, "done")}\n\n`);
  expect(String(Buffer.from((await reader?.read())?.value ?? []))).toContain("done");
});
