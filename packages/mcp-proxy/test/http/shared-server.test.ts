import { expect, test } from "vitest";

import { readFrames, type Frame } from "../../src/frame/frame.ts";
import { SharedServer } from "../../src/serve/shared-server.ts";

type Message = Record<string, unknown>;
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

function frameOf(message: Message): Frame {
  const frames = readFrames(new TextEncoder().encode(JSON.stringify(message)));
  if ("problem" in frames || frames[0] === undefined) throw new TypeError("no message");
  return frames[0];
}

/** A server that several clients share, and what it is sent. */
function shared() {
  const sent: Message[] = [];
  let say: (message: Message) => void = () => undefined;
  const server = new SharedServer(
    ({ messages }) => {
      say = (message) => messages([frameOf(message)]);
      return { send: ({ message }) => void sent.push(message), close: () => Promise.resolve() };
    },
    () => undefined,
  );
  const client = () => {
    const heard: Message[] = [];
    const side = server.side({
      deliver: ({ message }) => void heard.push(message),
      gone: () => undefined,
      log: () => undefined,
    });
    const ask = (id: number, method: string, meta: Message = {}): Promise<void> =>
      side.ask(frameOf({ jsonrpc: "2.0", id, method, params: { _meta: meta } }), undefined);
    return { heard, ask, side };
  };
  return { client, sent, say: (message: Message) => say({ jsonrpc: "2.0", ...message }) };
}

test("clients that use one id have their own subscription, progress, answer and cancel", async () => {
  const { client, sent, say } = shared();
  const [one, two] = [client(), client()];
  await one.ask(1, "subscriptions/listen");
  await two.ask(1, "subscriptions/listen");
  await two.ask(2, "tools/call", { progressToken: 1 });
  const ids = sent.map(({ id }) => id);
  expect(new Set(ids).size).toBe(3);
  expect(sent[2]).toHaveProperty("params._meta.progressToken", ids[2]);

  const acknowledged = "notifications/subscriptions/acknowledged";
  say({ method: acknowledged, params: { _meta: { [SUBSCRIPTION]: ids[1] } } });
  say({ method: "notifications/tools/list_changed", params: { _meta: { [SUBSCRIPTION]: ids[0] } } });
  say({ method: "notifications/progress", params: { progressToken: ids[2], progress: 1 } });
  say({ id: ids[2], result: {} });
  say({ method: "notifications/progress", params: { progressToken: ids[2], progress: 2 } });
  expect(one.heard).toMatchObject([
    { method: "notifications/tools/list_changed", params: { _meta: { [SUBSCRIPTION]: 1 } } },
  ]);
  expect(two.heard).toMatchObject([
    { method: acknowledged, params: { _meta: { [SUBSCRIPTION]: 1 } } },
    { method: "notifications/progress", params: { progressToken: 1, progress: 1 } },
    { id: 2, result: {} },
  ]);

  one.side.abort(1);
  expect(sent.at(-1)).toMatchObject({ method: "notifications/cancelled", params: { requestId: ids[0] } });
  say({ id: ids[0], result: {} });
  expect(one.heard).toHaveLength(1);
});
