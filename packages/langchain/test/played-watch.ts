import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { Command } from "@langchain/langgraph";
import type { HITLRequest } from "langchain";

import { plain } from "./plain-data.ts";
import type { ScriptedChatModel } from "./scripted-chat-model.ts";

/** How a run is watched. */
export const MODES = ["invoke", "callbacks", "streams", "debug", "events v2", "events v3"] as const;

/** What is known of a run beside what can be watched of it. */
interface Played {
  readonly runs: readonly unknown[];
  readonly told: readonly unknown[];
  readonly model: ScriptedChatModel;
  readonly isParallel: boolean;
}

/** How a run is watched, and goes on. */
export interface Watching {
  readonly mode: (typeof MODES)[number];
  /** Whether the run can pause; else it has no thread. */
  readonly hasThread: boolean;
  /** Whether another process goes on after each pause. */
  readonly isRestarted: boolean;
}

/** Everything that can be seen of a run of this agent, or graph, and of a second one in its thread. */
export async function watched(
  make: () => Watched,
  { mode, hasThread, isRestarted }: Watching,
  { runs, told, model, isParallel }: Played,
): Promise<unknown> {
  const seen: unknown[] = [];
  const errors: unknown[] = [];
  const config = { recursionLimit: 20, ...(hasThread && { configurable: { thread_id: "t" } }) };
  let agent = make();
  for (const content of ["go, bob@example.com", "go on"]) {
    let input: unknown = { messages: [{ role: "user", content, id: content }] };
    try {
      for (let pauses = 0; input !== undefined && pauses < 5; pauses++) {
        // oxlint-disable-next-line no-await-in-loop -- it goes on after each pause
        await watch(mode, { agent, input, config, seen });
        // oxlint-disable-next-line no-await-in-loop
        input = hasThread ? answerTo(await agent.getState(config)) : undefined;
        if (isRestarted) agent = make();
      }
    } catch (thrown) {
      errors.push(thrown instanceof Error ? [thrown.constructor.name, thrown.name, thrown.message] : thrown);
    }
    if (!hasThread) break;
  }
  const history = hasThread ? await historyOf(agent, config) : [];
  const found = plain({ runs, told, seen, history, errors, prompts: model.prompts, offered: model.offered });
  return { ...(found as object), ...sideBySide(found as Found, isParallel) };
}

/** What was saved on the way, the newest first. */
async function historyOf(agent: Watched, config: object): Promise<readonly unknown[]> {
  const states: unknown[] = [];
  try {
    for await (const { values, next, metadata } of (agent.graph ?? agent).getStateHistory(config))
      states.push([values, next, metadata]);
  } catch (thrown) {
    states.push(thrown);
  }
  return states;
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
  /** The graph of an agent. */
  readonly graph?: Pick<Watched, "getStateHistory">;
  getStateHistory(config: object): AsyncIterable<Readonly<Record<"values" | "next" | "metadata", unknown>>>;
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

interface Watch {
  readonly agent: Watched;
  readonly input: unknown;
  readonly config: object;
  readonly seen: unknown[];
}

async function watch(mode: Watching["mode"], { agent, input, config, seen }: Watch): Promise<void> {
  switch (mode) {
    case "invoke":
      seen.push(plain(await agent.invoke(input, config)));
      return;
    case "callbacks":
      seen.push(plain(await agent.invoke(input, { ...config, callbacks: [listener(seen)] })));
      return;
    case "debug":
    case "streams": {
      const streamMode =
        mode === "debug"
          ? ["debug", "checkpoints", "tools"]
          : ["updates", "messages", "values", "custom", "tasks"];
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

const EVENTS = [
  "handleChatModelStart",
  "handleLLMNewToken",
  "handleLLMEnd",
  "handleLLMError",
  "handleChainStart",
  "handleChainEnd",
  "handleChainError",
  "handleToolStart",
  "handleToolEnd",
  "handleToolError",
  "handleCustomEvent",
] as const;

/** Hears everything that handlers are told. */
function listener(seen: unknown[]): BaseCallbackHandler {
  const hear =
    (event: string) =>
    (...told: readonly unknown[]): void => {
      // What a runnable is made of comes first where something starts; ids of runs are drawn.
      const about = event.endsWith("Start") ? told.slice(1) : told;
      seen.push(plain([event, about[0], about.at(-1)]));
    };
  return Object.assign(
    BaseCallbackHandler.fromMethods(Object.fromEntries(EVENTS.map((event) => [event, hear(event)]))),
    { awaitHandlers: true },
  );
}
