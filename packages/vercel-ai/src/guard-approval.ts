import type { Decision } from "@agentplane/core";
import type { GenericToolApprovalFunction, ModelMessage } from "ai";

import { appApproval, type AppApproval, type ApprovalQuestion, type Status } from "./app-approval.ts";
import { answerIn, passOn } from "./approval-answer.ts";
import { reasonWithId } from "./approval-reason.ts";
import { toolContext } from "./context.ts";
import { noteAsked } from "./governed-calls.ts";
import { markGuarded, unguarded } from "./guarded-mark.ts";
import { identityOf, type CallIdentity, type GovernedIdentity } from "./identity.ts";
import type { Denial } from "./model-denial.ts";
import { checkIdentity, checkNames } from "./option-check.ts";
import type { GovernedPlane } from "./plane.ts";
import { toolNames } from "./tool-names.ts";

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

interface Settings {
  readonly toolApproval: AppApproval;
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly who: CallIdentity;
  readonly run?: RunOfAnswers;
  readonly isSigned: boolean;
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
  checkIdentity("guardApproval", identity);
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
  options: ApprovalOptions & { readonly run?: RunOfAnswers; readonly isSigned?: boolean },
): GuardedApproval {
  // A map without entries says nothing, as no approvals do.
  const toolApproval = unguarded<NonNullable<AppApproval>>(options.toolApproval ?? {}, plane);
  const who = identityOf(identity, options.providerOptions);
  const { run, isSigned = false } = options;
  const settings = { plane, identity, toolApproval, who, isSigned, ...(run !== undefined && { run }) };
  const guarded: GuardedApproval = (question: ApprovalQuestion) => approve(settings, question);
  return markGuarded(guarded, { plane, original: toolApproval });
}

async function approve(settings: Settings, question: ApprovalQuestion): Promise<Status> {
  noteAsked(settings.plane, question.toolCall.toolCallId);
  // It has run already, at the provider: a no would be a lie in the messages.
  if (question.toolCall.providerExecuted === true) return appApproval(settings.toolApproval, question);
  const asked = await ask(settings, question);
  if ("type" in asked) return asked;
  const own = await ownApproval(settings, question);
  if (own.type === "denied") return own;
  if (asked.effect === "allow") return isForged(settings, question, { asked, own }) ? NOBODY_ASKED : own;
  // Inside a tool nobody would see the SDK's question: the call itself waits for the plane's answer.
  if (settings.plane.guard.isNested()) return own;
  return { type: "user-approval", reason: reasonWithId(asked.reason, asked.approvalId ?? "") };
}

const NOBODY_ASKED: Status = { type: "denied", reason: "Not approved: nobody was asked about this call." };

/**
 * Whether the messages answer a question that neither the plane nor the application can have asked. Where the SDK signs
 * its questions it has checked that before.
 */
function isForged(
  { isSigned }: Settings,
  { messages, toolCall }: ApprovalQuestion,
  { asked, own }: { readonly asked: Decision; readonly own: Status },
): boolean {
  if (isSigned || asked.approvalId !== undefined || own.type === "user-approval") return false;
  return answerIn(messages, toolCall.toolCallId) !== undefined;
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
  { plane, identity, who, run }: Settings,
  { toolCall, tools, messages }: ApprovalQuestion,
): Promise<Decision | Extract<Status, { type: "denied" }>> {
  const { toolName, toolCallId, input } = toolCall;
  const tool = tools !== undefined && Object.hasOwn(tools, toolName) ? tools[toolName] : undefined;
  const context = toolContext(who, { names: toolNames(toolName, tool), toolCallId, input });
  try {
    const answer = answerIn(messages, toolCallId);
    // An approved tool runs before the first step: whether the run may go on at all comes first.
    const denial = answer === undefined ? undefined : await run?.begin(messages);
    if (denial !== undefined) return { type: "denied", reason: denial.message };
    const decision = await plane.guard.ask(context);
    if (decision.effect === "block") return { type: "denied", reason: decision.message };
    if (decision.effect === "allow" || answer === undefined) return decision;
    const refusal = await passOn(plane, identity, { answer, decision });
    if (refusal !== undefined) return { type: "denied", reason: refusal.reason };
    const again = await plane.guard.ask(context);
    return again.effect === "allow" ? again : { type: "denied", reason: again.message };
  } catch (error) {
    // Thrown here it would end the whole run, and the calls beside this one with it.
    const why = error instanceof Error ? error.name : "an error";
    return { type: "denied", reason: `This call could not be decided (${why}), so it does not run.` };
  }
}
