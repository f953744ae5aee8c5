import type { JsonObject, JsonValue } from "../base/json.ts";
import { USAGE_FIELDS } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import { inputOf, subjectOf } from "../context/subject.ts";
import type { ToolTraits } from "../policy/traits.ts";
import { apiOf } from "./api-rule.ts";
import type { RuleRead } from "./rule.ts";
import type { SessionView } from "./session-view.ts";
import type { ValueType } from "./where-value.ts";

/** What a condition looks at. */
export interface WhereSubject {
  readonly context: PolicyContext;
  readonly session: SessionView | undefined;
  /** Of the tool that is called; they may map it to an HTTP call. */
  readonly traits: ToolTraits | undefined;
}

/** Marks a section that this hookpoint does not carry. */
export const INAPPLICABLE = Symbol("inapplicable");

/** A value that a condition may name. */
export interface WhereField {
  readonly holds: ValueType;
  /** What an absent value means; see `ValuePlace.absent`. */
  readonly absent: "error" | "no-match";
  readonly read: (subject: WhereSubject) => JsonValue | undefined | typeof INAPPLICABLE;
  /** It is read in lower case, whatever it was written in. */
  readonly isCaseless?: boolean;
}

/** A group of values: a fixed set of members, or `paths` into content of any shape. */
export interface WhereSection {
  readonly members: Readonly<Record<string, WhereField>> | "paths" | "tags";
  readonly value: (subject: WhereSubject) => JsonValue | undefined | typeof INAPPLICABLE;
  readonly reads?: RuleRead;
  /** Known only once the action has happened. */
  readonly isOutcome?: boolean;
}

const name = (read: WhereField["read"]): WhereField => ({ holds: "text", absent: "no-match", read });
const number = (read: WhereField["read"]): WhereField => ({ holds: "number", absent: "error", read });

/** Members are read from their section's value. */
function unread(): undefined {
  return undefined;
}

/** Of an HTTP call: its method in capitals, its host and scheme in small letters are the same. */
const CASELESS: WhereField = { ...name(unread), isCaseless: true };

/** Single values at the root of a condition; `tool` is compared apart, under every name a tool has. */
export const WHERE_FIELDS: Readonly<Record<string, WhereField>> = {
  agent: name(({ context }) => context.agent.id),
  run: name(({ context }) => context.agent.runId),
  ancestors: name(({ context }) => context.agent.ancestors),
  tenant: name(({ context }) => context.tenant),
  user: name(({ context }) => context.user),
  session: name(({ context }) => context.session),
  hookpoint: name(({ context }) => context.hookpoint),
  model: name(({ context }) => (context.model === undefined ? INAPPLICABLE : context.model.name)),
  provider: name(({ context }) => (context.model === undefined ? INAPPLICABLE : context.model.provider)),
  target: name(({ context }) => (context.target === undefined ? INAPPLICABLE : context.target.name)),
  // A call of the agent itself has no origin of its own; the word makes it one that can be compared.
  origin: name(({ context }) => context.origin ?? "agent"),
  isError: {
    holds: "boolean",
    absent: "error",
    read: ({ context: { isError, result } }) => isError ?? (result === undefined ? INAPPLICABLE : false),
  },
};

/** Groups of values at the root of a condition. */
export const WHERE_SECTIONS: Readonly<Record<string, WhereSection>> = {
  tags: { members: "tags", value: ({ context }) => context.tags },
  input: {
    members: "paths",
    // A tool call has an input, whatever was left out of it: without one, or with null, there is no answer.
    value: ({ context }) => {
      const subject = subjectOf(context);
      const input = subject === "model" ? undefined : inputOf(context);
      return input === undefined && subject !== "tool" ? INAPPLICABLE : input;
    },
    reads: "input",
  },
  result: {
    members: "paths",
    value: ({ context: { result } }) => (result === undefined ? INAPPLICABLE : result),
    reads: "result",
    isOutcome: true,
  },
  api: {
    members: { ...members(["path"], ["port"]), method: CASELESS, host: CASELESS, scheme: CASELESS },
    value: apiValue,
    reads: "api",
  },
  usage: {
    members: members([], USAGE_FIELDS),
    value: ({ context }) => (isSilent(context) ? undefined : asJson(context.usage)),
    reads: "usage",
    isOutcome: true,
  },
  history: {
    members: members(["tools"], ["calls", "blocked", "errors", "modelCalls", "ageMs"]),
    value: historyOf,
    reads: "session",
  },
};

function members(names: readonly string[], numbers: readonly string[]): Readonly<Record<string, WhereField>> {
  return Object.fromEntries([
    ...names.map((member) => [member, name(unread)] as const),
    ...numbers.map((member) => [member, number(unread)] as const),
  ]);
}

/** A URL that cannot be judged is a missing value, which the policy's `onError` decides. */
function apiValue({ context, traits }: WhereSubject): JsonValue | undefined | typeof INAPPLICABLE {
  const call = apiOf(context, traits);
  if (call === undefined) return INAPPLICABLE;
  return "refused" in call ? undefined : asJson({ ...call, method: call.method.toLowerCase() });
}

/** Whether a model has answered and did not say what it used: that is a missing value, where elsewhere there is none. */
export function isSilent(context: PolicyContext): boolean {
  const { hookpoint, isError, usage } = context;
  return usage === undefined && isAfter(hookpoint) && isError !== true && subjectOf(context) === "model";
}

function asJson(value: object | undefined): JsonValue | typeof INAPPLICABLE {
  // Both kinds of object have only texts and numbers as members; an interface merely lacks the index signature.
  return value === undefined ? INAPPLICABLE : (value as JsonObject);
}

function historyOf({ context, session }: WhereSubject): JsonValue | undefined {
  if (session === undefined) return undefined;
  const ran = session.entries.filter(({ effect }) => effect === "allow");
  return {
    ...session.counts,
    ageMs: context.nowMs - session.startedAtMs,
    tools: ran.flatMap(({ hookpoint, name: tool }) =>
      hookpoint === "before_tool_call" && tool !== undefined ? [tool] : [],
    ),
  };
}
