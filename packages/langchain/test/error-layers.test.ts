import type { AIMessage } from "@langchain/core/messages";
import {
  createAgent,
  createMiddleware,
  MiddlewareError,
  modelRetryMiddleware,
  type AgentMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

class ProviderError extends TypeError {
  override readonly name = "ProviderError";
  readonly status = 503;
}

const passing = (name: string): AnyAgentMiddleware =>
  createMiddleware({ name, wrapModelCall: async (request, handler) => handler(request) });

type WrapModelCall = NonNullable<AgentMiddleware["wrapModelCall"]>;

/** As an application may write one, with a private member. */
class ClassMiddleware {
  readonly name = "class";
  readonly #calls: unknown[] = [];

  async wrapModelCall(...[request, handler]: Parameters<WrapModelCall>): Promise<AIMessage> {
    this.#calls.push(request);
    return handler(request);
  }
}

const throwing = createMiddleware({
  name: "throwing",
  wrapModelCall: () => {
    throw new RangeError("mine");
  },
});
const seeing = (seen: unknown[]): AnyAgentMiddleware =>
  createMiddleware({
    name: "seeing",
    async wrapModelCall(request, handler) {
      try {
        return await handler(request);
      } catch (error) {
        seen.push(...layersOf(error));
        throw error;
      }
    },
  });
const retry = (): AnyAgentMiddleware =>
  modelRetryMiddleware({
    maxRetries: 1,
    initialDelayMs: 0,
    jitter: false,
    retryOn: [ProviderError],
    onFailure: "error",
  }) as never;

/** The error, what caused it, and so on: each by its class and words. */
function layersOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return error === undefined ? [] : [error];
  const kind = MiddlewareError.isInstance(error) ? "MiddlewareError" : error.constructor.name;
  return [[kind, error.name, error.message, error instanceof ProviderError], ...layersOf(error.cause)];
}

const MIDDLEWARE: Readonly<Record<string, (seen: unknown[]) => readonly AnyAgentMiddleware[]>> = {
  none: () => [],
  "one that passes on": () => [passing("one")],
  "two that pass on": () => [passing("one"), passing("two")],
  "a class of its own": () => [new ClassMiddleware() as never],
  "a class around another": () => [new ClassMiddleware() as never, passing("one")],
  "one that looks": (seen) => [seeing(seen)],
  "one that looks around another": (seen) => [seeing(seen), passing("one")],
  "one that throws": () => [throwing],
  "one that throws inside another": () => [passing("one"), throwing],
  "one that tries again": () => [retry()],
};

async function failing(isGoverned: boolean, middleware: readonly AnyAgentMiddleware[]) {
  const thrown = new ProviderError("overloaded", { cause: new Error("of the network") });
  const model = new ScriptedChatModel(...Array.from({ length: 5 }, () => ({ error: thrown })));
  const params = { model, tools: [], middleware };
  const agent = createAgent(isGoverned ? govern(planeOf(), { agent: "a" }, params) : params);
  const error: unknown = await agent.invoke({ messages: [{ role: "user", content: "go" }] }).then(
    () => undefined,
    (given: unknown) => given,
  );
  return { error, thrown, attempts: model.prompts.length };
}

describe("the error that a caller gets of a provider", () => {
  it.each(Object.keys(MIDDLEWARE))(
    "has the classes, words and causes it has without us: %s",
    async (name) => {
      const [seen, plainSeen]: [unknown[], unknown[]] = [[], []];
      const plain = await failing(false, MIDDLEWARE[name]?.(plainSeen) ?? []);
      const governed = await failing(true, MIDDLEWARE[name]?.(seen) ?? []);
      expect(layersOf(governed.error)).toEqual(layersOf(plain.error));
      expect(seen).toEqual(plainSeen);
      expect(governed.attempts).toBe(plain.attempts);
    },
  );

  it.each([
    ["an error", new ProviderError("overloaded")],
    ["an error of an agent inside", MiddlewareError.wrap(new ProviderError("overloaded"), "inner")],
  ])("is the very one that the provider gave, without middleware: %s", async (_, thrown) => {
    for (const onBlock of ["message", "throw"] as const) {
      const params = { model: new ScriptedChatModel({ error: thrown }), tools: [] };
      const agent = createAgent(govern(planeOf(), { agent: "a" }, params, { onBlock }));
      // oxlint-disable-next-line no-await-in-loop -- a run each
      await expect(agent.invoke({ messages: [{ role: "user", content: "go" }] })).rejects.toBe(thrown);
    }
  });

  it("is what it would be under one plane, where two govern the agent", async () => {
    const thrown = new ProviderError("overloaded");
    const params = { model: new ScriptedChatModel({ error: thrown }), tools: [] };
    const twice = govern(planeOf(), { agent: "a" }, govern(planeOf(), { agent: "a" }, params));
    const running = createAgent(twice).invoke({ messages: [{ role: "user", content: "go" }] });
    await expect(running).rejects.toBe(thrown);
  });
});
