import { AgentplaneError, type Admission, type GuardInit, type ResultCodec } from "@agentplane/core";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { AIMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import type { LangGraphRunnableConfig } from "@langchain/langgraph";
import type { ModelRequest } from "langchain";

import { askByInterrupt } from "./approval-interrupt.ts";
import { modelRefusal } from "./enforce.ts";
import { identityOf, type GovernedIdentity, type RunFacts } from "./identity.ts";
import { readContent } from "./message-content.ts";
import type { GovernedPlane } from "./plane.ts";
import { changedPrompt } from "./prompt.ts";
import { taskIdOf } from "./provider-calls.ts";

/** How a run ended, as far as its calls show. */
export type RunEnd = { readonly answer: AIMessage | undefined } | { readonly error: unknown };

/** The runs of an agent, each decided once before its first model call and judged once at its end. */
export interface AgentRuns {
  /**
   * Decides the run, where that has not happened, and asks a human where one is needed.
   * @returns The request with what rules made of the run's input, or the words with which the run ends.
   * @throws GraphInterrupt while a human is awaited.
   */
  begin(request: ModelRequest): Promise<{ readonly request: ModelRequest } | { readonly refusal: AIMessage }>;
  /**
   * Judges the run. What goes on afterwards, as after a jump back to the model, is decided as another run.
   * @returns What stands for the answer: itself, or words where it is withheld.
   */
  end(run: RunFacts, end: RunEnd): Promise<AIMessage | undefined>;
}

interface AgentRun {
  readonly admission: Admission;
  /** Messages of the run's input that rules rewrote, with their copies. */
  readonly rewritten: ReadonlyMap<BaseMessage, BaseMessage>;
}

interface Settings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
}

/** Keeps the runs of one agent. */
export function createAgentRuns(settings: Settings): AgentRuns {
  const { guard } = settings.plane;
  // LangGraph makes this object for each run and hands it to every node, and to graphs inside.
  const running = new WeakMap<object, Map<string, AgentRun>>();
  // An abort, a recursion limit or a crash of another node ends a run where no call shows it.
  const unseen = new FinalizationRegistry<Map<string, AgentRun>>((runs) => {
    for (const { admission } of runs.values()) endUnseen(settings, admission);
  });
  const runsOf = (): Map<string, AgentRun> => {
    const control = controlOfRun();
    const known = control && running.get(control);
    if (known !== undefined) return known;
    const runs = new Map<string, AgentRun>();
    if (control !== undefined) {
      running.set(control, runs);
      unseen.register(control, runs);
    }
    return runs;
  };
  return {
    async begin(request) {
      const runs = runsOf();
      const key = keyOf(settings, request.runtime);
      let run = runs.get(key);
      if (run === undefined) {
        const begun = await decided(settings, request);
        if ("refusal" in begun) return begun;
        run = begun;
        runs.set(key, run);
      }
      return { request: withRewritten(request, run) };
    },
    async end(runtime, end) {
      const runs = runsOf();
      const key = keyOf(settings, runtime);
      const run = runs.get(key);
      const answer = "answer" in end ? end.answer : undefined;
      if (run === undefined) return answer;
      runs.delete(key);
      if ("error" in end) {
        // It throws what it is given; who called does so anyway.
        await Promise.resolve(guard.complete(run.admission, { status: "failed", error: end.error })).catch(
          () => undefined,
        );
        return undefined;
      }
      const outcome = await guard.complete(run.admission, {
        status: "ran",
        result: answer,
        codec: RUN_RESULT,
      });
      return outcome.status === "ran" ? outcome.result : modelRefusal(outcome);
    },
  };
}

async function decided(
  { plane, identity }: Settings,
  { messages, runtime }: ModelRequest,
): Promise<AgentRun | { readonly refusal: AIMessage }> {
  const given = inputOf(messages);
  const task = taskIdOf(runtime);
  const context: GuardInit = {
    hookpoint: "before_agent",
    ...identityOf(identity, runtime),
    target: { name: identity.agent, input: readContent([...given]) },
  };
  for (let again = 0; ;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const admitted = await plane.guard.admit({ ...context, ...(task !== undefined && callOf(task, again)) });
    if (admitted.status === "admitted") {
      const copies = admitted.isInputChanged ? changedPrompt(given, admitted.input) : [];
      return {
        admission: admitted,
        rewritten: new Map(
          copies.flatMap((copy, at) => (given[at] === undefined ? [] : [[given[at], copy]])),
        ),
      };
    }
    // A task that paused after its run had begun goes on in another run.
    if (
      admitted.status === "blocked" &&
      admitted.decision.cause === "already_executed" &&
      task !== undefined
    ) {
      again++;
      continue;
    }
    if (admitted.status === "blocked") return { refusal: modelRefusal(admitted) };
    // oxlint-disable-next-line no-await-in-loop
    const asked = await askByInterrupt(plane, admitted);
    if (!asked.isAnswered) return { refusal: modelRefusal({ ...admitted, message: asked.message }) };
  }
}

/** Names a run by the task that makes its first model call: the same one goes on where it waited for a human. */
function callOf(task: string, again: number): { readonly callId: string } {
  return { callId: again === 0 ? `${task}:agent` : `${task}:agent:${again}` };
}

/** What the run was given: everything that came after the agent's last turn. */
function inputOf(messages: readonly BaseMessage[]): readonly BaseMessage[] {
  const last = messages.findLastIndex((one) => AIMessage.isInstance(one) || ToolMessage.isInstance(one));
  return messages.slice(last + 1);
}

function withRewritten(request: ModelRequest, { rewritten }: AgentRun): ModelRequest {
  if (rewritten.size === 0) return request;
  return { ...request, messages: request.messages.map((one) => rewritten.get(one) ?? one) };
}

function controlOfRun(): object | undefined {
  const config: LangGraphRunnableConfig | undefined = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  return config?.control;
}

/** An application may share one control among runs, and every agent inside a tool gets that of the outer run. */
function keyOf({ identity }: Settings, run: RunFacts): string {
  const place = run.configurable?.["checkpoint_ns"];
  const above = typeof place === "string" ? place.slice(0, Math.max(0, place.lastIndexOf("|"))) : "";
  return JSON.stringify([above, run.configurable?.["thread_id"], identityOf(identity, run)]);
}

/** What rules see of a run: its last answer; nothing where it has none. */
const RUN_RESULT: ResultCodec<AIMessage | undefined> = {
  read: (answer) => (answer === undefined ? null : readContent(answer)),
  write() {
    // Streams have shown it already.
    throw new AgentplaneError(
      "content_refused",
      "what a run gave cannot be rewritten at after_agent; redact at after_model_call, or block",
    );
  },
};

function endUnseen({ plane }: Settings, admission: Admission): void {
  const error = new Error("the run ended where none of its calls showed it: aborted, or out of steps");
  // Nobody waits for it; what could not be recorded is told by the audit trail's own ways.
  void Promise.resolve()
    .then(() => plane.guard.complete(admission, { status: "failed", error }))
    .catch(() => undefined);
}
