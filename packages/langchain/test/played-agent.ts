import { setTimeout } from "node:timers/promises";

import type { Policy } from "@agentplane/core";
import { Command, MemorySaver } from "@langchain/langgraph";
import { createAgent, toolStrategy, type AnyAgentMiddleware, type HITLRequest } from "langchain";
import * as z from "zod";

import { govern, type GovernedIdentity } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { plain } from "./plain-data.ts";
import { ScriptedChatModel, type Turn } from "./scripted-chat-model.ts";
import { middlewareOf, slowed, toolsOf, type MiddlewareKind } from "./played-parts.ts";

/** How a run is watched. */
export const MODES = ["invoke", "streams", "events v2", "events v3"] as const;

/** A run of an agent. */
export interface Script {
  readonly turns: readonly Turn[];
  readonly middleware: MiddlewareKind;
  readonly mode: (typeof MODES)[number];
  readonly isStructured: boolean;
}

/** What takes longer in a run than by itself. */
export type Slowness = readonly ("tools" | "model" | "hooks")[];

/** Gives the parameters of an agent as they are, or under a plane. */
export type Wrap = <P extends Parameters<typeof govern>[2]>(identity: GovernedIdentity, params: P) => P;

/**
 * Everything that can be seen of a run, up to what it gives when everybody who is asked has answered.
 * @param slow What takes longer: where LangGraph lets things race, something else may then be first.
 */
export async function play(
  script: Script,
  policies: readonly Policy[] | undefined,
  slow: Slowness = [],
): Promise<unknown> {
  const { turns, middleware: kind, isStructured } = script;
  const plane = policies === undefined ? undefined : planeOf(policies);
  // The interceptors are added to the list, which createAgent takes as any other.
  const wrap: Wrap = (identity, params) =>
    plane === undefined ? params : (govern(plane, identity, params) as never);
  const [runs, told]: [unknown[], unknown[]] = [[], []];
  const model = new ScriptedChatModel(...turns);
  if (slow.includes("model")) model.thinks = () => setTimeout(5);
  const made: unknown = createAgent(
    wrap(
      { agent: "a" },
      {
        model,
        tools: toolsOf(runs, wrap).map((one) => (slow.includes("tools") ? slowed(one) : one)),
        middleware: middlewareOf(kind, told).map((one) =>
          slow.includes("hooks") ? withSlowHooks(one) : one,
        ),
        checkpointer: new MemorySaver(),
        ...(isStructured && {
          responseFormat: toolStrategy(z.object({ city: z.string() }).meta({ title: "Place" })),
        }),
      },
    ),
  );
  // After a structured response a middleware behind the model runs beside the model's next turn.
  const isParallel = isStructured || turns.some(({ calls = [] }) => calls.length > 1);
  // Its types follow from parameters that differ here.
  return watched(made as Watched, script.mode, { runs, told, model, isParallel });
}

const HOOKS = ["beforeAgent", "beforeModel", "afterModel", "afterAgent"] as const;

/** The same middleware, whose hooks take longer. */
function withSlowHooks(one: AnyAgentMiddleware): AnyAgentMiddleware {
  const slow = { ...one };
  for (const name of HOOKS) {
    const hook: unknown = slow[name];
    if (typeof hook !== "function") continue;
    // Of the same type: it takes what the other takes, and gives what that gives.
    slow[name] = (async (...given: readonly unknown[]): Promise<unknown> => {
      await setTimeout(5);
      return Reflect.apply(hook, undefined, given);
    }) as never;
  }
  return slow;
}

/** What is known of a run beside what can be watched of it. */
interface Played {
  readonly runs: readonly unknown[];
  readonly told: readonly unknown[];
  readonly model: ScriptedChatModel;
  readonly isParallel: boolean;
}

/** Everything that can be seen of a run of this agent, or graph. */
export async function watched(
  agent: Watched,
  mode: Script["mode"],
  { runs, told, model, isParallel }: Played,
): Promise<unknown> {
  const seen: unknown[] = [];
  const config = { recursionLimit: 20, configurable: { thread_id: "t" } };
  let input: unknown = { messages: [{ role: "user", content: "go, bob@example.com", id: "u" }] };
  let error: unknown;
  try {
    for (let pauses = 0; input !== undefined && pauses < 5; pauses++) {
      // oxlint-disable-next-line no-await-in-loop -- it goes on after each pause
      await watch(mode, { agent, input, config, seen });
      // oxlint-disable-next-line no-await-in-loop
      input = answerTo(await agent.getState(config));
    }
  } catch (thrown) {
    error = thrown instanceof Error ? [thrown.constructor.name, thrown.name, thrown.message] : thrown;
  }
  const values: unknown = await agent.getState(config).then(
    (state): unknown => state.values,
    (thrown: unknown) => thrown,
  );
  const found = plain({ runs, told, seen, values, error, prompts: model.prompts, offered: model.offered });
  return { ...(found as object), ...sideBySide(found as Found, isParallel) };
}

interface State {
  readonly values: unknown;
  readonly tasks: readonly { readonly interrupts: readonly { readonly value?: unknown }[] }[];
}

/** An agent, or a graph, as it is watched. */
export interface Watched {
  getState(config: object): Promise<State>;
  invoke(input: unknown, config: object): Promise<unknown>;
  stream(input: unknown, config: object): Promise<AsyncIterable<unknown>>;
  streamEvents(input: unknown, config: object): AsyncIterable<unknown> & PromiseLike<Events>;
}

interface Events extends AsyncIterable<unknown> {
  readonly output: Promise<unknown>;
  readonly toolCalls: AsyncIterable<StreamedCall>;
}

interface StreamedCall extends Readonly<Record<"output" | "status" | "error", Promise<unknown>>> {
  readonly name: string;
  readonly input: unknown;
}

async function callsOf(calls: Events["toolCalls"]): Promise<readonly unknown[]> {
  const seen: Promise<unknown>[] = [];
  for await (const { name, input, output, status, error } of calls) {
    const given = output.catch((thrown: unknown) => ["threw", thrown]);
    seen.push(Promise.all([given, status, error]).then((ends) => [name, input, ...ends]));
  }
  return Promise.all(seen);
}

interface Watching {
  readonly agent: Watched;
  readonly input: unknown;
  readonly config: object;
  readonly seen: unknown[];
}

async function watch(mode: Script["mode"], { agent, input, config, seen }: Watching): Promise<void> {
  switch (mode) {
    case "invoke":
      seen.push(plain(await agent.invoke(input, config)));
      return;
    case "streams": {
      const streamMode = ["updates", "messages", "values", "custom", "tasks"];
      const stream = await agent.stream(input, { ...config, streamMode, subgraphs: true });
      for await (const part of stream) seen.push(plain(part));
      return;
    }
    case "events v2":
      for await (const part of agent.streamEvents(input, { ...config, version: "v2" })) {
        const { event, name, tags, data } = part as Readonly<Record<string, unknown>>;
        seen.push(plain({ event, name, tags, data }));
      }
      return;
    case "events v3": {
      const events = await agent.streamEvents(input, { ...config, version: "v3" });
      const rest = Promise.allSettled([callsOf(events.toolCalls), events.output]);
      for await (const part of events) seen.push(plain(part));
      seen.push(plain(await rest));
    }
  }
}

/** Answers everybody who asks: the tool, or a human in the loop, who approves, edits and rejects by turns. */
function answerTo({ tasks }: State): Command | undefined {
  const [asked] = tasks.flatMap(({ interrupts }) => interrupts);
  if (asked === undefined) return undefined;
  const { actionRequests = [] } = asked.value as Partial<HITLRequest>;
  const decisions = actionRequests.map(({ name }, at) =>
    [
      { type: "approve" },
      { type: "edit", editedAction: { name, args: { text: "edited" } } },
      { type: "reject", message: "no, bob@example.com" },
    ].at(at % 3),
  );
  return new Command({ resume: { decisions } });
}

type Found = Readonly<Record<"runs" | "seen" | "told", readonly unknown[]>>;

/** Calls of one turn run side by side: what is told of each is the same, whichever is faster. */
function sideBySide({ runs, seen, told }: Found, isParallel: boolean): object {
  if (!isParallel) return {};
  const byText = (parts: readonly unknown[]): readonly unknown[] =>
    parts.toSorted((a, b) => (ordered(a) < ordered(b) ? -1 : 1));
  return { runs: byText(runs), told: byText(told), seen: byText(seen) };
}

/** Equal values are equal texts, in whatever order their members were made. */
function ordered(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
