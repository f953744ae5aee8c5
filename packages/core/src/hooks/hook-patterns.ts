import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Hook, HookReturn, HookTools } from "./hook.ts";
import { HookBlocked } from "./hook-blocked.ts";
import { hookInvalid } from "./hook-invalid.ts";

/**
 * A hook that adds to the input or prompt before the action: members to an object (they replace what the model wrote
 * under their names), messages in front of a list, a line in front of a text.
 * @param values What to add, or a function of the context that gives it.
 * @example
 * hooks.on("before_tool_call", inject(({ tenant }) => ({ tenantId: tenant ?? "none" })));
 */
export function inject(values: JsonValue | ((context: PolicyContext) => MaybePromise<JsonValue>)): Hook {
  return (context) => {
    const given = typeof values === "function" ? values(context) : values;
    return andThen(given, (added): HookReturn => ({ input: injected(context, added) }));
  };
}

/**
 * A hook that blocks the calls a predicate names.
 * @param predicate Answers true to block; anything but a boolean counts as a failure of the hook.
 * @param reason For people; part of the error's text.
 * @example
 * hooks.on("before_tool_call", blockIf(({ tags }) => tags["env"] === "prod", "not in production"));
 */
export function blockIf(predicate: (context: PolicyContext) => MaybePromise<boolean>, reason: string): Hook {
  return (context) =>
    andThen(predicate(context), (isBlocked: unknown): HookReturn => {
      if (typeof isBlocked !== "boolean") throw hookInvalid("the predicate of blockIf answers true or false");
      return isBlocked ? { block: reason } : undefined;
    });
}

/**
 * A hook that tries another one again when it throws; a refusal is an answer and stands. All attempts share the time
 * of the registration (`timeoutMs`), and none starts after it.
 * @param hook The hook to run.
 * @param options `attempts`: runs in total, 1 to 100. `delayMs`: pause between them, 0 for none.
 * @throws AgentplaneError `hook_invalid` for options out of range.
 */
export function retry(hook: Hook, options: { readonly attempts: number; readonly delayMs: number }): Hook {
  const { attempts, delayMs } = options;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 100) {
    throw hookInvalid(`attempts is ${attempts}; use a whole number from 1 to 100`);
  }
  if (!(delayMs >= 0 && Number.isFinite(delayMs)))
    throw hookInvalid(`delayMs is ${delayMs}; use milliseconds from 0`);
  return (context, tools) => attempt({ hook, context, tools, delayMs }, attempts);
}

interface Attempt {
  readonly hook: Hook;
  readonly context: PolicyContext;
  readonly tools: HookTools;
  readonly delayMs: number;
}

function attempt(of: Attempt, attemptsLeft: number): MaybePromise<HookReturn> {
  const again = (error: unknown): MaybePromise<HookReturn> => {
    if (attemptsLeft <= 1 || error instanceof HookBlocked || of.tools.signal.aborted) throw error;
    if (of.delayMs === 0) return attempt(of, attemptsLeft - 1);
    return pause(of.delayMs, of.tools, error).then(() => attempt(of, attemptsLeft - 1));
  };
  try {
    const answer = of.hook(of.context, of.tools);
    return isThenable(answer) ? answer.then(undefined, again) : answer;
  } catch (error) {
    return again(error);
  }
}

/** Waits; when the hook's time is up meanwhile it ends at once with the error that made it wait. */
function pause(delayMs: number, { timers, signal }: HookTools, error: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopTimer = timers.set(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    const onAbort = (): void => {
      stopTimer();
      reject(error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function injected(context: PolicyContext, added: JsonValue): JsonValue {
  const { hookpoint } = context;
  if (isAfter(hookpoint))
    throw hookInvalid(`inject adds to an input, and ${hookpoint} has a result; use before_*`);
  const input = inputOf(context);
  if (input === undefined) throw hookInvalid("inject found no input to add to");
  if (isList(input)) return isList(added) ? [...added, ...input] : [added, ...input];
  if (isJsonObject(input) && isJsonObject(added)) return merge(input, added);
  if (typeof input === "string" && typeof added === "string") return `${added}\n${input}`;
  throw hookInvalid(
    "inject adds objects to objects, messages to lists, text to text; this call has another input",
  );
}

/** Entries, not assignment: an argument called `__proto__` stays an argument. */
function merge(input: JsonObject, added: JsonObject): JsonObject {
  return Object.fromEntries([...Object.entries(input), ...Object.entries(added)]);
}

// Array.isArray does not narrow a read-only array in a union.
function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
