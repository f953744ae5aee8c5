import type { AgentPlane } from "@agentplane/core";
import {
  AbstractChat,
  convertToModelMessages,
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  stepCountIs,
  streamText,
  tool,
  type ChatState,
  type ChatStatus,
  type LanguageModel,
  type UIMessage,
} from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { approvalIdOf, govern, type GovernedIdentity } from "../src/index.ts";
import { asking, askingPlane, EMAIL, NO_EMAILS } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

/** A chat as React's `useChat` keeps it, without React. */
class TestChat extends AbstractChat<UIMessage> {
  constructor(id: string, fetch: typeof globalThis.fetch) {
    super({
      id,
      state: new TestState(),
      transport: new DefaultChatTransport({ api: "http://127.0.0.1/api/chat", fetch }),
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    });
  }
}

class TestState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined = undefined;
  messages: UIMessage[] = [];
  pushMessage = (message: UIMessage): void => void this.messages.push(message);
  popMessage = (): void => void this.messages.pop();
  replaceMessage = (index: number, message: UIMessage): void => void this.messages.splice(index, 1, message);
  snapshot = <T>(thing: T): T => structuredClone(thing);
}

interface App {
  readonly plane: AgentPlane;
  readonly runs: unknown[];
  readonly fetch: typeof globalThis.fetch;
  readonly requests: string[];
}

/** An application with one route, written as a handler of Next.js: a Request in, a Response out. */
function createApp(plane: AgentPlane, model: LanguageModel, approver?: string, needsApproval = false): App {
  const runs: unknown[] = [];
  const requests: string[] = [];
  const pay = tool({
    inputSchema: z.object({ amount: z.number() }),
    needsApproval,
    execute: async (input) => {
      runs.push(input);
      return `paid, receipt to ${EMAIL}`;
    },
  });
  async function POST(request: Request): Promise<Response> {
    const body = (await request.json()) as { id: string; messages: UIMessage[] };
    const identity: GovernedIdentity = {
      agent: "support",
      session: body.id,
      ...(approver !== undefined && { approver }),
    };
    const result = streamText({
      ...govern(plane, identity, {
        model,
        tools: { pay },
        messages: await convertToModelMessages(body.messages),
      }),
      stopWhen: stepCountIs(5),
    });
    return result.toUIMessageStreamResponse();
  }
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    requests.push(await request.clone().text());
    return POST(request);
  };
  return { plane, runs, fetch, requests };
}

const settled = async (chat: TestChat): Promise<void> => {
  for (let turns = 0; turns < 100_000 && chat.status !== "ready" && chat.status !== "error"; turns++) {
    // oxlint-disable-next-line no-await-in-loop -- each turn lets the stream go on
    await new Promise((next) => setImmediate(next));
  }
};

const lastPart = (chat: TestChat) => chat.messages.at(-1)?.parts.find((part) => isToolUIPart(part));
const textOf = (chat: TestChat): string =>
  (chat.messages.at(-1)?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");

const paying = (): ScriptedModel =>
  new ScriptedModel([
    { text: "I will pay. ", calls: [{ id: "c1", name: "pay", input: { amount: 5 } }] },
    { text: `Done, ask ${EMAIL} for more.` },
  ]);

describe("useChat against a route of the application", () => {
  it("shows the question with its reason, runs the tool once on a yes, and shows nothing unredacted", async () => {
    const app = createApp(askingPlane([asking("pay"), NO_EMAILS]), paying(), "mira");
    const chat = new TestChat("chat-1", app.fetch);
    await chat.sendMessage({ text: "pay, please" });
    const part = lastPart(chat);
    expect(part).toMatchObject({ state: "approval-requested", input: { amount: 5 } });
    const approval = part?.state === "approval-requested" ? part.approval : undefined;
    expect(approval?.requestReason).toContain("pay needs a person");
    expect(app.runs).toEqual([]);
    const [waiting] = await app.plane.approvals.list({ status: "pending" });
    expect(approvalIdOf(approval?.requestReason)).toBe(waiting?.id);
    await chat.addToolApprovalResponse({ id: approval?.id ?? "", approved: true });
    await settled(chat);
    expect(app.runs).toEqual([{ amount: 5 }]);
    expect(lastPart(chat)?.state).toBe("output-available");
    expect(textOf(chat)).toContain("Done, ask");
    expect(JSON.stringify(chat.messages)).not.toContain(EMAIL);
    // The client sends what it sent before once more, as a reload or an attacker would.
    const replay = await app.fetch("http://127.0.0.1/api/chat", {
      method: "POST",
      body: app.requests[1] ?? "",
    });
    await replay.text();
    expect(app.runs).toHaveLength(1);
  });

  it("knows the application's own question: its answer runs the tool, one for another input does not", async () => {
    const app = createApp(askingPlane([]), paying(), undefined, true);
    const chat = new TestChat("chat-1", app.fetch);
    await chat.sendMessage({ text: "pay, please" });
    const part = lastPart(chat);
    const id = part?.state === "approval-requested" ? part.approval.id : "";
    await chat.addToolApprovalResponse({ id, approved: true });
    await settled(chat);
    expect(app.runs).toEqual([{ amount: 5 }]);
    const body = app.requests[1]?.replaceAll('"amount":5', '"amount":5000').replaceAll('"c1"', '"c2"') ?? "";
    await (await app.fetch("http://127.0.0.1/api/chat", { method: "POST", body })).text();
    expect(app.runs).toHaveLength(1);
  });

  it("runs nothing on a no", async () => {
    const app = createApp(askingPlane([asking("pay")]), paying(), "mira");
    const chat = new TestChat("chat-1", app.fetch);
    await chat.sendMessage({ text: "pay, please" });
    const part = lastPart(chat);
    await chat.addToolApprovalResponse({
      id: part?.state === "approval-requested" ? part.approval.id : "",
      approved: false,
    });
    await settled(chat);
    expect(app.runs).toEqual([]);
    expect(lastPart(chat)?.state).toBe("output-denied");
  });

  it("runs nothing on a yes of a client whom nobody named as approver", async () => {
    const app = createApp(askingPlane([asking("pay")]), paying());
    const chat = new TestChat("chat-1", app.fetch);
    await chat.sendMessage({ text: "pay, please" });
    const part = lastPart(chat);
    await chat.addToolApprovalResponse({
      id: part?.state === "approval-requested" ? part.approval.id : "",
      approved: true,
    });
    await settled(chat);
    expect(app.runs).toEqual([]);
  });

  it("does not take another chat's approval", async () => {
    const app = createApp(askingPlane([asking("pay")]), paying(), "mira");
    const chat = new TestChat("chat-1", app.fetch);
    await chat.sendMessage({ text: "pay, please" });
    const part = lastPart(chat);
    await chat.addToolApprovalResponse({
      id: part?.state === "approval-requested" ? part.approval.id : "",
      approved: true,
    });
    await settled(chat);
    const stolen = (app.requests[1] ?? "").replaceAll("chat-1", "chat-2");
    await (await app.fetch("http://127.0.0.1/api/chat", { method: "POST", body: stolen })).text();
    expect(app.runs).toHaveLength(1);
  });
});
