import type { Decision, GuardInit } from "@agentplane/core";
import type { GenericToolApprovalFunction, ModelMessage } from "ai";

import { appApproval, type AppApproval, type ApprovalQuestion, type Status } from "./app-approval.ts";
import { answerIn, passOn } from "./approval-answer.ts";
import { reasonWithId } from "./approval-reason.ts";
import { toolContext } from "../call/context.ts";
import { seenOnItsWay } from "../call/governed-calls.ts";
import { isGuarded, markGuarded, unguarded } from "../call/guarded-mark.ts";
import { identityOf, type CallIdentity, type GovernedIdentity } from "../call/identity.ts";
import type { Denial } from "../call/denial.ts";
import { checkGoverned, checkNames } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { toolNames } from "../call/tool-names.ts";

/** What approvals are composed of. */
export interface ApprovalOptions {
  /** The application's own `toolApproval`, in any form. A no of either side is a no; tools' `needsApproval` is asked too. */
  readonly toolApproval?: AppApproval | undefined;
  /** Options of the call, for `providerOptions.agentplane`. */
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}

/** An approval function for the calls of any tools. */
// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's type is invariant in the tools and the run's context
export type GuardedApproval = GenericToolApprovalFunction<any, any, any>;

type Denied = Extract<Status, { readonly type: "denied" }>;

interface Settings {
  readonly toolApproval: AppApproval;
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly who: CallIdentity;
  readonly run?: RunOfAnswers;
}

/**
 * Builds the SDK's `toolApproval` from the plane's policies and the application's own: what is blocked never asks anyone,
 * what must be asked becomes the SDK's `user-approval` with the reason. It decides early; what binds is the decision
 * when the tool runs, so use it together with `guardTools`.
 * @returns A function to pass as `toolApproval`
 * @throws ConfigError for an unknown member of `identity` or `options`
 */
export function guardApproval(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  options: ApprovalOptions = {},
): GuardedApproval {
  checkGoverned("guardApproval", identity);
  checkNames("guardApproval", options, ["toolApproval", "providerOptions"]);
  return guardedApproval(plane, identity, options);
}

/** The run that goes on with the answers in its messages. */
export interface RunOfAnswers {
  /** @returns Why it may not. */
  begin(messages: readonly ModelMessage[]): Promise<Denial | undefined>;
  /** Nothing more comes of it. */
  fail(messages: readonly ModelMessage[], error: unknown): Promise<void>;
}

/** The same, for options that are checked. */
export function guardedApproval(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  options: ApprovalOptions & { readonly run?: RunOfAnswers },
): GuardedApproval {
  // A map without entries says nothing, as no approvals do.
  const toolApproval = unguarded<NonNullable<AppApproval>>(options.toolApproval ?? {}, plane);
  const who = identityOf(identity, options.providerOptions);
  const { run } = options;
  const settings = { plane, identity, toolApproval, who, ...(run !== undefined && { run }) };
  const guarded: GuardedApproval = async (question: ApprovalQuestion) => {
    const status = await approve(settings, question);
    if (status.type !== "denied") seenOnItsWay(plane, question.toolCall.toolCallId);
    return status;
  };
  return markGuarded(guarded, { plane, original: toolApproval });
}

async function approve(settings: Settings, question: ApprovalQuestion): Promise<Status> {
  const { plane, who } = settings;
  const { toolCall, tools } = question;
  const { toolName, toolCallId, input } = toolCall;
  // It has run already, at the provider: a no would be a lie in the messages.
  if (toolCall.providerExecuted === true) return appApproval(settings.toolApproval, question);
  const tool = tools !== undefined && Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
  const context = toolContext(who, { names: toolNames(toolName, tool), toolCallId, input });
  // Inside a tool nobody would see the SDK's question: the call itself waits for the plane's answer, if it is one that can.
  const isNested = plane.guard.isNested();
  const asked = await ask(settings, question, {
    context,
    canAsk: !isNested || isGuarded(tool?.execute, plane),
  });
  if ("type" in asked) return asked;
  const own = await ownApproval(settings, question);
  if (own.type === "denied") return own;
  if (asked.effect === "allow") return askedByApp(plane, context, own);
  if (isNested) return own;
  return { type: "user-approval", reason: reasonWithId(asked.reason, asked.approvalId ?? "") };
}

/** The application's question, or its own answer, about a call that no policy asks about: known to the plane from then on. */
async function askedByApp({ guard }: GovernedPlane, context: GuardInit, own: Status): Promise<Status> {
  if (own.type === "not-applicable") return own;
  try {
    await guard.noteAsked(context);
    return own;
  } catch (error) {
    return undecided(error);
  }
}

/** What the application says; where it fails, the SDK ends everything, before any step that could tell. */
async function ownApproval({ toolApproval, run }: Settings, question: ApprovalQuestion): Promise<Status> {
  try {
    return await appApproval(toolApproval, question);
  } catch (error) {
    await run?.fail(question.messages, error);
    throw error;
  }
}

/** @returns The plane's decision where it lets the call go on or wants a human, else the SDK's no. */
async function ask(
  { plane, identity, run }: Settings,
  { toolCall, messages }: ApprovalQuestion,
  { context, canAsk }: { readonly context: GuardInit; readonly canAsk: boolean },
): Promise<Decision | Denied> {
  try {
    const answer = answerIn(messages, toolCall.toolCallId);
    // The messages come from the client: without a question about this very call there is nothing to answer. It comes
    // first, because deciding is a question too where a policy asks.
    if (answer !== undefined && !(await plane.guard.isAsked(context))) return NOT_OPEN;
    // An approved tool runs before the first step: whether the run may go on at all comes first.
    const denial = answer === undefined ? undefined : await run?.begin(messages);
    if (denial !== undefined) return { type: "denied", reason: denial.message };
    const decision = await plane.guard.ask(context, { canAsk });
    if (decision.effect === "block") return { type: "denied", reason: decision.message };
    if (decision.effect === "allow" || answer === undefined) return decision;
    const refusal = await passOn(plane, identity, { answer, decision });
    if (refusal !== undefined) return { type: "denied", reason: refusal.reason };
    const again = await plane.guard.ask(context);
    return again.effect === "allow" ? again : { type: "denied", reason: again.message };
  } catch (error) {
    return undecided(error);
  }
}

const NOT_OPEN: Denied = {
  type: "denied",
  reason:
    "Not approved: nobody was asked about this call, it was too long ago, or the answer was used already.",
};

/** Thrown here it would end the whole run, and the calls beside this one with it. */
function undecided(error: unknown): Denied {
  const why = error instanceof Error ? error.name : "an error";
  return { type: "denied", reason: `This call could not be decided (${why}), so it does not run.` };
}
