import { canonicalJson } from "../base/canonical-json.ts";
import type { Hash } from "../base/ports.ts";
import type { PolicyContext } from "./context.ts";
import { inputOf } from "./create-context.ts";
import { actionOf } from "./hookpoint.ts";
import { hasOpaque, withValues } from "./opaque.ts";
import { SnapshotMark } from "./snapshot-mark.ts";

/**
 * The key by which a call is recognised again: replayed, resumed, retried, or seen at its other hookpoint. A call id
 * alone is never trusted: another input, agent or tenant under one id is another call.
 * @param planeId Names the wired plane: planes that share a store do not share calls.
 * @returns undefined without a call id, where nothing can be recognised.
 */
export function callKeyOf(planeId: string, context: PolicyContext, hash: Hash): string | undefined {
  const { callId } = context;
  return callId === undefined ? undefined : keyWith(callId, planeId, context, hash);
}

/**
 * The key by which a question to a human is recognised again, of a call that is not.
 * @returns undefined without a question id
 */
export function questionKeyOf(planeId: string, context: PolicyContext, hash: Hash): string | undefined {
  const { questionId } = context;
  return questionId === undefined ? undefined : `?${keyWith(questionId, planeId, context, hash)}`;
}

function keyWith(id: string, planeId: string, context: PolicyContext, hash: Hash): string {
  const { tenant, agent, session, hookpoint } = context;
  return tupleKey([
    planeId,
    tenant,
    agent.id,
    session,
    actionOf(hookpoint),
    context.tool?.name ?? context.model?.name ?? context.target?.name,
    id,
    inputDigest(context, hash),
  ]);
}

/**
 * Writes several texts as one, so that different lists are different texts: each is prefixed with its length, and an
 * absent one is not an empty one.
 * @example tupleKey(["a", "", undefined]) // "1:a0:-"
 */
export function tupleKey(parts: readonly (string | undefined)[]): string {
  let key = "";
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    key += part === undefined ? "-" : (LENGTHS[part.length] ?? `${part.length}:`) + part;
  }
  return key;
}

/** Of most parts: each would be two texts more in every key. */
const LENGTHS: readonly string[] = Array.from({ length: 128 }, (_, length) => `${length}:`);

/**
 * The digest of what goes into the action, as lower-case hex: SHA-256 over canonical JSON. Dates, big integers and numbers
 * that JSON lacks count by their value, other opaque values by their type alone. A call without an input has the digest of the empty text, which no JSON value has.
 */
export function inputDigest(context: PolicyContext, hash: Hash): string {
  const input = inputOf(context);
  if (input === undefined) return hash.sha256("");
  if (typeof input !== "object" || input === null) return hash.sha256(canonicalJson(input));
  // The key, the history and the record ask for the same one.
  const known = SnapshotMark.digestOf(input);
  if (known !== undefined && known.hash === hash) return known.text;
  // Led by what no JSON begins with: data that looks like a date is not one.
  const json = hasOpaque(input) ? `#${canonicalJson(withValues(input))}` : canonicalJson(input);
  const text = hash.sha256(json);
  SnapshotMark.setDigest(input, { hash, text });
  return text;
}
