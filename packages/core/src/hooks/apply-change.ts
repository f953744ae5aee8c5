import { kindOf } from "../base/argument.ts";
import { guessFor } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import { tagsOf } from "../context/context-parts.ts";
import { withInput, withResult } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import { CONTEXT_FIELDS } from "../context/known-fields.ts";
import { snapshot } from "../context/snapshot.ts";
import type { HookReturn } from "./hook.ts";
import { SEALED_FIELDS } from "./sealed-view.ts";

/** What a hook's answer means: the context to go on with, or why the call is refused. */
export type AppliedChange = { readonly context: PolicyContext } | { readonly block: string };

const CHANGEABLE: ReadonlySet<string> = new Set(["input", "result", "tags", "block"]);
/** What of these is not sealed is the content. */
const CHANGED_THROUGH: ReadonlyMap<string, string> = new Map([
  ["tool", "input"],
  ["model", "input"],
  ["target", "input"],
]);
const SEALED: ReadonlySet<string> = new Set(SEALED_FIELDS);
const INSTEAD = "return nothing, { input }, { result }, { tags } or { block: reason }";

/**
 * Applies what a hook returned. Content is snapshotted again, so that the hook cannot change it afterwards.
 * @param context The context the hook was given.
 * @param returned Whatever it returned.
 * @throws AgentplaneError `hook_invalid` for an answer that is none, `content_refused` for content that is no data,
 *   `context_invalid` for tags that are no texts.
 */
export function applyChange(context: PolicyContext, returned: HookReturn): AppliedChange {
  if (returned === undefined) return { context };
  if (typeof returned !== "object" || returned === null || Array.isArray(returned)) {
    throw invalid(`it returned ${kindOf(returned)}`);
  }
  checkFields(Object.keys(returned));
  const { input, result, tags, block } = readOnce(returned);
  if (block !== undefined) {
    if (typeof block !== "string" || block.trim() === "") throw invalid("its block has no reason");
    return { block };
  }
  let next = context;
  if (input !== undefined) next = replaceInput(next, input);
  if (result !== undefined) next = replaceResult(next, result);
  if (tags !== undefined) next = addTags(next, tags);
  return { context: next };
}

/** Each member is read once: a getter that answers differently the second time gains nothing. */
function readOnce(returned: object): { input?: unknown; result?: unknown; tags?: unknown; block?: unknown } {
  return { ...returned };
}

function checkFields(fields: readonly string[]): void {
  const sealed = fields.find((field) => SEALED.has(field));
  if (sealed !== undefined) throw invalid(`it returned "${sealed}", which no hook can change`);
  const unknown = fields.find((field) => !CHANGEABLE.has(field));
  if (unknown === undefined) return;
  const changeable = CHANGED_THROUGH.get(unknown);
  if (changeable !== undefined)
    throw invalid(`it returned "${unknown}", of which a hook can only change the ${changeable}`);
  if (CONTEXT_FIELDS.names.has(unknown)) throw invalid(`it returned "${unknown}", which no hook can change`);
  // What it is called may be the data itself: only a name that exists is repeated.
  const guess = guessFor(unknown.slice(0, 64), CHANGEABLE);
  throw invalid(`it returned a field that does not exist${guess === undefined ? "" : `: ${guess}`}`);
}

function replaceInput(context: PolicyContext, input: unknown): PolicyContext {
  if (isAfter(context.hookpoint))
    throw invalid("it changed the input of an action that has already happened");
  if ((context.tool ?? context.model ?? context.target) === undefined) {
    throw invalid("it changed an input that this call does not have");
  }
  return withInput(context, snapshot(input));
}

function replaceResult(context: PolicyContext, result: unknown): PolicyContext {
  if (!isAfter(context.hookpoint))
    throw invalid("it changed the result of an action that has not happened yet");
  const { isError, usage, nowMs } = context;
  const next = withResult(context, { result, isError, usage, nowMs });
  return next.result === context.result ? context : next;
}

function addTags(context: PolicyContext, tags: unknown): PolicyContext {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags))
    throw invalid("its tags are not an object");
  // Whatever the values are, tagsOf checks each of them.
  const added = tags as Readonly<Record<string, string>>;
  const merged = tagsOf({ ...context.tags, ...tagsOf(added) });
  let isSame = true;
  for (const [name, value] of Object.entries(merged)) {
    if (context.tags[name] === value) continue;
    // Policies select by tags: with another value the call would have left those of the old one.
    if (Object.hasOwn(context.tags, name))
      throw invalid("it changed a tag that is there already, and hooks only add tags");
    isSame = false;
  }
  return isSame ? context : Object.freeze({ ...context, tags: merged });
}

function invalid(what: string): AgentplaneError {
  return new AgentplaneError("hook_invalid", `${what}; ${INSTEAD}`);
}
