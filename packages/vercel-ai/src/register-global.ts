import { PolicyBlocked, PolicyDegraded, type GuardInit } from "@agentplane/core";
import { gateway, registerTelemetry, type Telemetry } from "ai";

import { modelContext, toolContext } from "./context.ts";
import { watchCall } from "./governed-calls.ts";
import { guardProvider, type AnyProvider } from "./guard-provider.ts";
import type { ModelOptions } from "./guard-model.ts";
import { identityOf, type GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/** How the whole process is covered. */
export interface GlobalOptions extends ModelOptions {
  /** Gives models by name. Default: the provider that is registered now, else the gateway. */
  readonly provider?: AnyProvider;
  /**
   * Told once of each agent inside a governed tool that nobody governs, after a model call of it: of its
   * `telemetry.functionId`, else of its model as `provider/model`. Default: a warning on the console.
   */
  readonly onUngoverned?: (agent: string) => void;
}

/**
 * A safety net for calls that nobody governs: models asked for by name are guarded, and what no policy, plug or mode
 * allows whatever its input, or with this input, does not run, whoever built the agent. It rewrites and redacts nothing
 * of the rest, opens no approval and counts no limit, and a call turns it off with `telemetry: { isEnabled: false }` or
 * `integrations` of its own. Guard the agents themselves with `govern`.
 * @returns Takes it away again.
 */
export function registerGlobal(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  { provider, onUngoverned = warn, ...options }: GlobalOptions = {},
): () => void {
  const before = globalThis.AI_SDK_DEFAULT_PROVIDER;
  const own = provider ?? before ?? gateway;
  const guarded = guardProvider(plane, identity, own, options);
  globalThis.AI_SDK_DEFAULT_PROVIDER = guarded;
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
    async executeTool({ toolCall, toolCallId, execute }) {
      if (toolCall !== undefined) {
        const { toolName, input } = toolCall;
        await stopForbidden(plane, toolContext(who, { names: { name: toolName }, toolCallId, input }));
      }
      return execute();
    },
    async executeLanguageModelCall({ provider, modelId, callId, functionId, execute }) {
      if (provider !== undefined && modelId !== undefined) {
        const model = { provider, modelId };
        await stopForbidden(plane, modelContext(identity, { model, callId, messages: undefined }));
      }
      // Elsewhere the net itself is what governs; in a tool of a governed agent somebody meant to.
      if (!plane.guard.isNested()) return execute();
      return watchCall(execute, () => report(functionId ?? `${provider ?? "?"}/${modelId ?? "?"}`));
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
async function stopForbidden({ guard }: GovernedPlane, context: GuardInit): Promise<void> {
  const { effect } = await guard.peek(context);
  if (effect !== "block") return;
  const decision = await guard.ask(context);
  throw decision.cause === "mode" ? new PolicyDegraded(decision) : new PolicyBlocked(decision);
}
