import { createAgentPlane, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import OpenAI from "openai";

import { govern, type GovernOptions } from "../src/index.ts";
import type { Provider } from "./provider.ts";

/** Who acts in these tests. */
export const IDENTITY = { agent: "writer", tenant: "acme" };
export const MODEL = "gpt-test";
export const MESSAGES = [{ role: "user" as const, content: "hello" }];

/** A client and its plane. */
export interface GovernedClient {
  readonly client: OpenAI;
  readonly plane: AgentPlane;
}

/** A bare client of a provider. */
export function bareClient(provider: Provider): OpenAI {
  return new OpenAI({ apiKey: "test", baseURL: provider.url, maxRetries: 2 });
}

/** The same under a plane. */
export function governedClient(
  provider: Provider,
  options: PlaneOptions = {},
  how: GovernOptions = {},
): GovernedClient {
  const plane = createAgentPlane({ scanner: createScanner(), ...options });
  return { plane, client: govern(plane, IDENTITY, bareClient(provider), how) };
}

/** Everything that a stream gives. */
export async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

/** What a promise was rejected with. */
export async function rejected(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was not rejected");
}

/** A gate that one side opens and the other waits for. */
export function createLatch(): { readonly opened: Promise<void>; open(): void } {
  let settle = (): void => undefined;
  const opened = new Promise<void>((resolve) => (settle = resolve));
  return { opened, open: () => settle() };
}
