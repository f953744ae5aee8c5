import { expect, test } from "vitest";

import { readFrames } from "../../src/frame/frame.ts";
import { asked, callOf as post1, inSession, json, post, SESSION } from "../http/proxied.ts";
import { callOf, wiredRelay } from "../wired-relay.ts";

const MARK = "\uFEFF";

test.each([
  ["a message", '{"jsonrpc":"2.0","id":1,"method":"m"}'],
  ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"m"}]'],
])("a byte order mark before %s does not go on: not every reader takes it for nothing", (_, text) => {
  const frames = readFrames(Buffer.from(MARK + text));
  if ("problem" in frames) throw new Error(frames.problem);
  const [frame] = frames;
  expect(Buffer.from(frame?.raw ?? []).toString()).toBe('{"jsonrpc":"2.0","id":1,"method":"m"}');
  expect(frame?.text).toBe('{"jsonrpc":"2.0","id":1,"method":"m"}');
});

test("two of them before a message are none, and the answer comes under its id", async () => {
  const wired = wiredRelay();
  wired.client(MARK + MARK + JSON.stringify(callOf(1, "f")));
  expect(await wired.answer(1)).toHaveProperty("error.code", -32_700);
  expect(wired.toServer).toStrictEqual([]);
  await wired.plane.close();
});

test("a body after a byte order mark reaches the server without it, and is no batch", async () => {
  const { url, got } = await inSession((one, response) =>
    json(response, `${MARK}{"jsonrpc":"2.0","id":${asked(one).id},"result":{}}`),
  );
  const answer = await post(url, MARK + JSON.stringify(post1(1, "f")), SESSION);
  const bytes = Buffer.from(await answer.arrayBuffer()).toString();
  expect(bytes).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  expect(got.at(-1)?.body).toBe(JSON.stringify(post1(1, "f")));
});
