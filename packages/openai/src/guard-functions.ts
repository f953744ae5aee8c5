import { checkIdentity, ConfigError, type Admission, type GuardInit } from "@agentplane/core";

import { createCallIds } from "./call/call-ids.ts";
import { callerSignal, withCutSignal } from "./call/cut-signal.ts";
import { identityOf, type GovernedIdentity } from "./call/identity.ts";
import type { GovernedPlane } from "./call/plane.ts";
import { noteGuarded } from "./model/proposed-calls.ts";
import { recordOf, textOf } from "./protocol/json.ts";

/**
 * A tool with its function: of `runTools`, in `function.function`; or of the Responses API with the function beside its
 * description, for a loop of your own.
 */
export interface RunnableTool {
  readonly type: string;
  readonly name?: unknown;
  readonly function?: unknown;
}

/** How functions are guarded. */
export interface GuardFunctionsOptions {
  /**
   * A call that needs an approval: `wait` until it is answered, however long the policy allows; `throw` the error
   * `ApprovalPending`, which ends the run. Default `wait`.
   */
  readonly onPending?: "wait" | "throw";
}

/**
 * Puts functions under a plane: each call is decided at the moment it runs. What is refused is told to the model as the
 * function's result.
 * @param tools As `runTools` takes them, those of `zodFunction` too, or of the Responses API with a member `function`;
 *   call that with the input and `{ callId }`. Tools without a function are left as they are: they run at the provider.
 * @returns Copies.
 * @throws ConfigError for a member or an option that does not exist, an empty name, or a choice that is none
 * @typeParam Type Keeps `type: "function"` that literal, as the SDK's own types ask.
 * @example
 * const tools = guardFunctions(plane, { agent: "support" }, [{ type: "function", function: { name: "refund", … } }]);
 * await openai.chat.completions.runTools({ model, messages, tools }).finalContent();
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- without Type a literal would widen to a text
export function guardFunctions<Tool extends RunnableTool & { readonly type: Type }, Type extends string>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  tools: readonly Tool[],
  options: GuardFunctionsOptions = {},
): Tool[] {
  checkIdentity("guardFunctions", identity);
  const onPending = onPendingIn(options);
  const callIds = createCallIds();
  return tools.map((tool) => {
    const found = functionOf(tool);
    if (found === undefined) return tool;
    const { name, run, place } = found;
    noteGuarded(plane, identity.agent, name);
    const guarded = async (input: unknown, runner: unknown, ...rest: unknown[]): Promise<unknown> => {
      const callId = textOf(recordOf(runner)?.["callId"]) ?? callIds.claim(runner, name, input);
      const call = {
        context: contextOf(identity, { name, input, callId }),
        async run(admission: Admission): Promise<unknown> {
          const told = withCutSignal(runner, () => admission.signal);
          return Reflect.apply(run, undefined, [asWritten(input, admission), told, ...rest]);
        },
        signal: callerSignal(runner),
        onPending,
      };
      // Whoever tries again after a failure makes the same call again.
      return runGuarded(plane, call).catch((error: unknown) => callIds.release(runner, callId, error));
    };
    // The SDK reads the name there when the tool has none.
    Object.defineProperty(guarded, "name", { value: run.name });
    return withFunction(tool, place, guarded);
  });
}

/** A misspelt option would make a run wait that was to end. */
function onPendingIn(options: GuardFunctionsOptions): "wait" | "throw" {
  const { onPending = "wait" } = options;
  const issues = Object.keys(options)
    .filter((path) => path !== "onPending")
    .map((path) => ({ path, message: "unknown option", suggestion: "did you mean onPending?" }));
  if (!["wait", "throw"].includes(onPending)) {
    const suggestion = 'use "wait" or "throw"';
    issues.push({ path: "onPending", message: `"${onPending}" is not a choice`, suggestion });
  }
  if (issues.length > 0) throw new ConfigError("guardFunctions", issues);
  return onPending;
}

type AnyFunction = (...args: unknown[]) => unknown;

interface Found {
  readonly name: string;
  readonly run: AnyFunction;
  /** A tool of `zodFunction` keeps its function beside the description, where a spread does not see it. */
  readonly place: "$callback" | "function" | "function.function";
}

function functionOf(tool: RunnableTool): Found | undefined {
  const described = recordOf(tool.function);
  const places = [
    { place: "$callback", run: Reflect.get(tool, "$callback") as unknown },
    { place: "function", run: tool.function },
    { place: "function.function", run: described?.["function"] },
  ] as const;
  const found = places.find(({ run }) => typeof run === "function");
  if (found === undefined) return undefined;
  // Just seen to be a function; what it takes is the SDK's to know.
  const run = found.run as AnyFunction;
  const name = textOf(described?.["name"] ?? tool.name) ?? textOf(run.name) ?? "unnamed";
  return { name, run, place: found.place };
}

/** A copy with another function; what cannot be enumerated is kept, and so is what the SDK tells tools by. */
function withFunction<Tool extends RunnableTool>(tool: Tool, place: Found["place"], run: AnyFunction): Tool {
  const members: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(tool);
  const member = place === "$callback" ? "$callback" : "function";
  const value = place === "function.function" ? { ...recordOf(tool.function), function: run } : run;
  members[member] = { ...members[member], value };
  // It has the members and the prototype of the tool it was made of.
  return Object.create(Object.getPrototypeOf(tool), members) as Tool;
}

interface GuardedRun {
  readonly context: GuardInit;
  readonly run: (admission: Admission) => Promise<unknown>;
  /** Fires when the caller gives the run up. */
  readonly signal: AbortSignal | undefined;
  readonly onPending: "wait" | "throw";
}

async function runGuarded(plane: GovernedPlane, call: GuardedRun): Promise<unknown> {
  const { context, run, signal, onPending } = call;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const outcome = await plane.guard.toolCall({ context, run });
    if (outcome.status === "ran") return outcome.result;
    if (outcome.status === "blocked") return refused(outcome.message);
    if (onPending === "throw") throw outcome.error;
    // oxlint-disable-next-line no-await-in-loop
    if (!(await isApproved(plane, outcome.approvalId, signal))) return refused(outcome.message);
  }
}

/** @throws The reason of the signal, once it fires: whoever gave the run up wants nothing to run, approved or not. */
async function isApproved(
  { approvals }: GovernedPlane,
  approvalId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const { status } = await approvals.wait(approvalId, signal);
    return status === "approved";
  } finally {
    signal?.throwIfAborted();
  }
}

/** The API has no mark for a result that is an error; the word is the only one there is. */
function refused(message: string): string {
  return `Error: ${message}`;
}

/** What was decided is what runs: a function that takes text is given the text of it. */
function asWritten(
  given: unknown,
  { input, isInputChanged }: { readonly input: unknown; readonly isInputChanged: boolean },
): unknown {
  if (typeof given !== "string") return input;
  return isInputChanged ? JSON.stringify(input) : given;
}

function contextOf(
  identity: GovernedIdentity,
  {
    name,
    input,
    callId,
  }: { readonly name: string; readonly input: unknown; readonly callId: string | undefined },
): GuardInit {
  return {
    hookpoint: "before_tool_call",
    ...identityOf(identity),
    // It comes again under this id: what a human approves is this call, of this conversation.
    ...(callId !== undefined && { callId, approvalFor: "call" as const }),
    tool: { name, input: parsed(input) },
  };
}

/** A function without `parse` is called with the text that the model wrote: rules look at what it says. */
function parsed(input: unknown): unknown {
  if (typeof input !== "string") return input;
  try {
    return JSON.parse(input);
  } catch {
    // What is no JSON is text to the function, and to rules.
    return input;
  }
}
