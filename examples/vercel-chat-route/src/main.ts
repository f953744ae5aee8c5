import assert from "node:assert/strict";

import { BrowserChat } from "./browser-chat.ts";
import { chooseModel } from "./choose-model.ts";
import { createChatRoute, type Refund } from "./route.ts";
import { createShopPlane } from "./shop-plane.ts";

const plane = createShopPlane();
const refunds: Refund[] = [];
const POST = createChatRoute({ plane, model: chooseModel(), refunds, signedIn: () => "mira" });

/** Stands for the network: the browser's requests, straight to the handler. */
const sent: string[] = [];
const fetch: typeof globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  sent.push(await request.clone().text());
  return POST(request);
};

const chat = new BrowserChat(fetch);
await chat.sendMessage({ text: "Please refund 80 for my order o-7." });
await chat.answered();
const { question } = chat;
assert(question !== undefined, "nobody was asked");
assert(refunds.length === 0, "the refund was paid before anyone said yes");
console.log(`approval asked: ${question.reason}`);

await chat.addToolApprovalResponse({ id: question.id, approved: true });
await chat.answered();
assert.deepEqual(refunds, [{ order: "o-7", amount: 80 }]);
console.log(`approved: refund paid ${refunds.length} time`);

const shown = JSON.stringify(chat.messages);
assert(!shown.includes("ann.miller@example.com"), "the browser was shown an address");
console.log(`redacted: ${chat.said}`);

// Whoever sends the approved messages again gets nothing for it.
const replay = await fetch("http://localhost/api/chat", { method: "POST", body: sent.at(-1) ?? "" });
await replay.text();
assert.deepEqual(refunds.slice(1), [], "a replay paid again");
console.log(`replayed: refund still paid ${refunds.length} time`);
await plane.close();
