import type { Admission, MaybePromise, NamedTool, ToolRun } from "@agentplane/core";
import type { ToolExecutionOptions } from "ai";

import { toolContext } from "../call/context.ts";
import { noteGoverned } from "../call/governed-calls.ts";
import { identityOf } from "../call/identity.ts";
import { cuttable } from "../call/native-signal.ts";
import { isAwaited, whenAnswered } from "../call/nested-wait.ts";
import { validInput } from "./tool-input.ts";
import type { AnyTool, ToolSettings } from "../call/tool-settings.ts";

type Options = ToolExecutionOptions<unknown>;
/** A value, a promise of one, or values one after the other: only what comes back tells. */
type Result = unknown;
type Execute = (input: unknown, options: Options) => Result;

/**
 * The same function behind the plane: decided, executed and judged at the moment it would run, whoever calls it. What
 * gives values while it works still does; what answers once still does.
 * @param names What the tool is known by.
 * @param tool Called as its own method: it may have private members.
 */
export function guardedExecute(settings: ToolSettings, names: NamedTool, tool: AnyTool): Execute | undefined {
  const execute: unknown = tool.execute;
  if (typeof execute !== "function") return undefined;
  const own: Execute = (input, options) => Reflect.apply(execute, tool, [input, options]);
  const isGenerator = execute.constructor.name === "AsyncGeneratorFunction";
  const { plane, identity, providerOptions, onCall } = settings;
  const who = identityOf(identity, providerOptions);
  const { name } = names;
  return (input, options) => {
    const { toolCallId, abortSignal } = options;
    noteGoverned(toolCallId);
    onCall?.(options);
    const attempt = (): MaybePromise<ToolRun<unknown>> =>
      plane.guard.toolRun<unknown>({
        context: toolContext(who, { names, toolCallId, input }),
        run: (admission) => runAdmitted({ name, tool, own, isGenerator }, admission, options),
      });
    let first: MaybePromise<ToolRun<unknown>> | undefined = attempt();
    if (!isPromise(first) && !isAwaited(plane, first)) return resultOf(first);
    const begun = whenAnswered(plane, abortSignal, () => {
      const run = first ?? attempt();
      first = undefined;
      return run;
    });
    // Decided elsewhere, so what the tool gives is not known yet: a generator is one whatever the answer.
    return isGenerator ? valuesOf(begun) : begun.then((run) => lastOf(resultOf(run)));
  };
}

interface OwnTool {
  readonly name: string;
  readonly tool: AnyTool;
  readonly own: Execute;
  readonly isGenerator: boolean;
}

function runAdmitted(
  { name, tool, own, isGenerator }: OwnTool,
  admission: Admission,
  options: Options,
): Result {
  const given = cuttable(options, admission);
  if (!admission.isInputChanged) return own(admission.input, given);
  const validated = validInput(name, tool, admission.input);
  if (!isGenerator) return validated.then((input) => lastOf(own(input, given)));
  return valuesOf(validated.then((input) => ({ status: "running", values: iterable(own(input, given)) })));
}

/** @throws PolicyError for a call that did not run or whose result is withheld: the SDK words it for the model. */
function resultOf(run: ToolRun<unknown>): Result {
  if (run.status === "ran") return run.result;
  if (run.status === "running") return run.values;
  throw run.error;
}

async function* valuesOf(run: Promise<ToolRun<unknown>>): AsyncGenerator {
  yield* iterable(resultOf(await run));
}

function iterable(result: Result): AsyncIterable<unknown> {
  return isAsyncIterable(result) ? result : once(result);
}

async function* once(result: Result): AsyncGenerator {
  yield await result;
}

async function lastOf(result: Result): Promise<unknown> {
  if (!isAsyncIterable(result)) return result;
  let last: unknown;
  for await (const value of result) last = value;
  return last;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function isPromise<T extends object>(value: T | Promise<T>): value is Promise<T> {
  return "then" in value && typeof value.then === "function";
}
