import type { Admission, GuardInit } from "@agentplane/core";

import type { ActingIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import type { Dialect, OfferedTool } from "../protocol/dialect.ts";
import type { JsonRecord } from "../protocol/json.ts";

/** A model call as the plane is told of it. */
export interface ModelRequest {
  readonly dialect: Dialect;
  readonly identity: ActingIdentity;
  /** The request, with only the tools that may be offered. */
  readonly body: JsonRecord;
  /** The tools that were asked for, also those that may not be offered. */
  readonly offered: readonly OfferedTool[];
  /** Tools were taken off the list, or must be asked for. */
  readonly isTrimmed: boolean;
  readonly context: GuardInit;
}

/** What is to be described. */
interface Described {
  readonly dialect: Dialect;
  readonly identity: ActingIdentity;
  readonly body: JsonRecord;
  /** It is not what was asked for, byte for byte. */
  readonly isChanged: boolean;
  readonly questionId: string | undefined;
  /** An answer from before is read again: it costs nothing and reads no prompt. */
  readonly isStored: boolean;
}

/**
 * Describes a model call, and takes the tools off that may not be offered now. For a tool that runs at the provider
 * this is the only place where it can be stopped.
 */
export function describeRequest(
  plane: GovernedPlane,
  given: Described,
): ModelRequest | Promise<ModelRequest> {
  const { dialect, identity } = given;
  const offered = dialect.tools?.(given.body) ?? [];
  if (offered.length === 0) return describedWith(given, { offered, visible: offered });
  const visible = plane.guard.visibleTools(offered, { hookpoint: "before_agent", ...identity });
  return visible instanceof Promise
    ? visible.then((tools) => describedWith(given, { offered, visible: tools }))
    : describedWith(given, { offered, visible });
}

function describedWith(
  given: Described,
  {
    offered,
    visible,
  }: { readonly offered: readonly OfferedTool[]; readonly visible: readonly OfferedTool[] },
): ModelRequest {
  const { dialect, identity, questionId, isStored } = given;
  const kept = new Set(offered.flatMap((tool, at) => (visible.includes(tool) ? [at] : [])));
  const isTrimmed = kept.size < offered.length;
  const body =
    isTrimmed && dialect.withTools !== undefined ? dialect.withTools(given.body, kept) : given.body;
  const { name, messages, maxOutputTokens } = dialect.describe(body);
  const model = {
    name,
    messages: isStored ? [] : messages,
    tools: visible.map((tool) => tool.name),
    ...(dialect.provider !== undefined && { provider: dialect.provider }),
    ...(isStored ? { maxOutputTokens: 0 } : maxOutputTokens !== undefined && { maxOutputTokens }),
  };
  const context: GuardInit = {
    hookpoint: "before_model_call",
    ...identity,
    ...(questionId !== undefined && { questionId }),
    ...(isStored && { origin: "stored-answer" }),
    model,
  };
  return { dialect, identity, body, offered, isTrimmed: isTrimmed || given.isChanged, context };
}

/**
 * The request as it was admitted.
 * @returns Undefined when nothing changed: then it is sent byte for byte.
 */
export function admittedBody(
  { dialect, body, isTrimmed }: ModelRequest,
  admission: Admission,
): JsonRecord | undefined {
  let next = admission.isInputChanged ? dialect.withMessages(body, admission.input) : body;
  const limit = admission.context.model?.maxOutputTokens;
  if (limit !== undefined && dialect.withMaxOutput !== undefined) {
    const { maxOutputTokens = Infinity } = dialect.describe(body);
    if (maxOutputTokens > limit) next = dialect.withMaxOutput(next, limit);
  }
  return next === body && !isTrimmed ? undefined : next;
}
