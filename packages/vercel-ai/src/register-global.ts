import {
  AgentplaneError,
  PolicyBlocked,
  PolicyDegraded,
  type Decision,
  type GuardInit,
} from "@agentplane/core";
import { gateway, registerTelemetry, type Telemetry } from "ai";

import { modelContext, toolContext } from "./call/context.ts";
import {
  followToolCalls,
  forgetOnItsWay,
  isOnItsWay,
  seenOnItsWay,
  watchCall,
} from "./call/governed-calls.ts";
import { guardProvider, type AnyProvider } from "./model/guard-provider.ts";
import type { ModelOptions } from "./model/guard-model.ts";
import { identityOf, type GovernedIdentity } from "./call/identity.ts";
import { checkGoverned } from "./call/option-check.ts";
import { whenAnswered } from "./call/nested-wait.ts";
import type { GovernedPlane } from "./call/plane.ts";

/** How the whole process is covered. */
export interface GlobalOptions extends ModelOptions {
  /** Gives models by name. Default: the provider that is registered now, else the gateway. */
  readonly provider?: AnyProvider;
  /**
   * Told once of each agent inside a governed tool that nobody governs, after a call of it that no plane has seen: of its
   * `telemetry.functionId`, else of that call's model as `provider/model` or of its tool. Default: a warning on the console.
   */
  readonly onUngoverned?: (agent: string) => void;
}

/**
 * A safety net for calls that nobody governs: models asked for by name are guarded, and what no policy, plug or mode
 * allows whatever its input, or with this input, does not run, whoever built the agent; a tool call that needs a human
 * runs once the plane was answered. It rewrites and redacts nothing of the rest and counts no limit, and a call turns it
 * off with `telemetry: { isEnabled: false }` or `integrations` of its own. Guard the agents themselves with `govern`.
 * @throws ConfigError for a member of the identity that does not exist, and an empty name
 * @returns Takes it away again.
 */
export function registerGlobal(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  { provider, onUngoverned = warn, ...options }: GlobalOptions = {},
): () => void {
  checkGoverned("registerGlobal", identity);
  const before = globalThis.AI_SDK_DEFAULT_PROVIDER;
  const own = provider ?? before ?? gateway;
  const guarded = guardProvider(plane, identity, own, options);
  globalThis.AI_SDK_DEFAULT_PROVIDER = guarded;
  followToolCalls(plane);
  const net = netOf(plane, identity, onUngoverned);
  registerTelemetry(net);
  return () => {
    if (globalThis.AI_SDK_DEFAULT_PROVIDER === guarded) globalThis.AI_SDK_DEFAULT_PROVIDER = before;
    const registered = globalThis.AI_SDK_TELEMETRY_INTEGRATIONS;
    const position = registered?.indexOf(net) ?? -1;
    if (position >= 0) registered?.splice(position, 1);
  };
}

/** Of all of the SDK's global callbacks these two alone can stop what they are told of. */
function netOf(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  onUngoverned: (agent: string) => void,
): Telemetry {
  const who = identityOf(identity);
  const reported = new Set<string>();
  const report = (agent: string): void => {
    if (reported.has(agent)) return;
    reported.add(agent);
    onUngoverned(agent);
  };
  return {
    async executeTool({ toolCall, toolCallId, functionId, execute }) {
      // What the SDK replaces after it was guarded, such as its search for tools, was asked about all the same.
      const isSeen = isOnItsWay(plane, toolCallId);
      const run =
        isSeen || !plane.guard.isNested()
          ? execute
          : () => watchCall(toolCallId, execute, () => report(functionId ?? toolCall?.toolName ?? "?"));
      if (toolCall === undefined) return run();
      const { toolName, input } = toolCall;
      const context = toolContext(who, { names: { name: toolName }, toolCallId, input });
      // Another net of the same plane asks no second time.
      const known = (): ReturnType<typeof execute> => {
        seenOnItsWay(plane, toolCallId);
        return run();
      };
      try {
        const effect = await stopForbidden(plane, context);
        return await (effect === "ask" && !isSeen ? runAsked(plane, context, known) : run());
      } finally {
        forgetOnItsWay(plane, toolCallId);
      }
    },
    async executeLanguageModelCall({ provider, modelId, callId, functionId, execute }) {
      if (provider !== undefined && modelId !== undefined) {
        const model = { provider, modelId };
        await stopForbidden(plane, modelContext(identity, { model, callId, messages: undefined }));
      }
      // Elsewhere the net itself is what governs; in a tool of a governed agent somebody meant to.
      if (!plane.guard.isNested()) return execute();
      return watchCall(undefined, execute, () =>
        report(functionId ?? `${provider ?? "?"}/${modelId ?? "?"}`),
      );
    },
  };
}

function warn(agent: string): void {
  // oxlint-disable-next-line no-console -- where nobody listens it would stay unseen
  console.warn(
    `agentplane: "${agent}" works inside a governed tool, and nobody governs it: its tools, limits and redaction are ` +
      `not under your policies. Wrap its settings in govern(plane, identity, settings).`,
  );
}

/** A look without state, because a governed call is counted where it is governed; what is stopped is on record. */
async function stopForbidden({ guard }: GovernedPlane, context: GuardInit): Promise<Decision["effect"]> {
  const { effect } = await guard.peek(context);
  if (effect !== "block") return effect;
  const decision = await guard.ask(context);
  throw decision.cause === "mode" ? new PolicyDegraded(decision) : new PolicyBlocked(decision);
}

/** Runs a tool call that needs a human, and that nobody else has asked about, when the plane was answered. */
async function runAsked<Result>(
  plane: GovernedPlane,
  context: GuardInit,
  execute: () => PromiseLike<Result>,
): Promise<Result> {
  const outcome = await whenAnswered(plane, undefined, () =>
    plane.guard.toolCall<Result>({
      context,
      run: async ({ isInputChanged }) => {
        if (!isInputChanged) return execute();
        throw new AgentplaneError(
          "content_refused",
          "the net cannot change an input; wrap the agent's settings in govern(plane, identity, settings)",
        );
      },
    }),
  );
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}
