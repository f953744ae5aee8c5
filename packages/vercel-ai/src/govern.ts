import type { generateText, LanguageModel, ModelMessage, ToolSet } from "ai";

import type { AppApproval } from "./approval/app-approval.ts";
import { joinedOptions } from "./call/call-identity.ts";
import { answersOfRuns, endOfRuns, modelSettings, onCallOfRuns, stepsOfRuns } from "./govern-runs.ts";
import { guardedApproval } from "./approval/guard-approval.ts";
import { checkDenialForm, guardedModel, type ModelOptions } from "./model/guard-model.ts";
import { guardedTools } from "./tool/guard-tools.ts";
import type { GovernedIdentity, ProviderOptions } from "./call/identity.ts";
import type { RunSettings } from "./run/known-runs.ts";
import { checkGoverned, checkNames } from "./call/option-check.ts";
import type { GovernedPlane } from "./call/plane.ts";

type TextSettings = Parameters<typeof generateText>[0];

/** Settings of `generateText`, `streamText`, `generateObject`, `streamObject` or `ToolLoopAgent`, as far as they matter. */
export interface GovernableSettings<Name extends string = string> {
  readonly model?: LanguageModel;
  readonly tools?: ToolSet | undefined;
  readonly toolApproval?: AppApproval | undefined;
  readonly maxRetries?: number | undefined;
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any -- the SDK's functions are invariant in the tools and the context
  readonly prepareStep?: ((options: any) => unknown) | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly prepareCall?: ((options: any) => unknown) | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly onEnd?: ((event: any) => unknown) | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly onFinish?: ((event: any) => unknown) | undefined;
  // Named so that literals in a call stay literals.
  readonly toolChoice?: "auto" | "none" | "required" | { type: "tool"; toolName: Name } | undefined;
  readonly activeTools?: readonly Name[] | undefined;
  readonly messages?: ModelMessage[] | undefined;
  readonly prompt?: string | ModelMessage[] | undefined;
  readonly reasoning?: TextSettings["reasoning"] | undefined;
}

/**
 * Puts a call, or an agent, of the AI SDK behind a plane: its model, its tools and its approvals, also those that
 * `prepareStep` and `prepareCall` bring in later. Everything else stays as it was.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is, and for whom it acts in this call.
 * @param settings What the SDK's function takes; not changed.
 * @param options How a denied model call ends.
 * @returns The same settings, to pass on.
 * @throws ConfigError for an unknown member of `identity` or `options`
 * @example
 * await generateText(govern(plane, { agent: "support", tenant, session }, { model, tools, messages }));
 */
export function govern<Settings extends GovernableSettings<Name>, Name extends string = string>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  settings: Settings,
  options: Pick<ModelOptions, "onDenied"> = {},
): Settings {
  checkGoverned("govern", identity);
  checkNames("govern", options, ["onDenied"]);
  checkDenialForm("govern", options.onDenied);
  return governed({ plane, identity, options }, settings, settings.providerOptions);
}

interface Governing {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly options: Pick<ModelOptions, "onDenied">;
}

/** @param providerOptions What says who acts, beside the identity: that of the settings, or what was said before them. */
function governed<Settings extends GovernableSettings>(
  { plane, identity, options }: Governing,
  settings: Settings,
  providerOptions: ProviderOptions | undefined,
): Settings {
  const { model, tools, toolApproval, prepareStep, prepareCall } = settings;
  const runs: RunSettings = { plane, identity, providerOptions };
  const guarded =
    tools && guardedTools({ plane, identity, providerOptions, onCall: onCallOfRuns(runs) }, tools);
  const ofModel = modelSettings(runs, { ...options, maxRetries: settings.maxRetries, tools: guarded });
  const changed: GovernableSettings = {
    ...(model !== undefined && { model: guardedModel(model, ofModel(undefined)) }),
    ...(guarded !== undefined && {
      tools: guarded,
      toolApproval: guardedApproval(plane, identity, {
        toolApproval,
        providerOptions,
        run: answersOfRuns(runs),
      }),
    }),
    prepareStep: stepsOfRuns(runs, prepareStep, ofModel),
    ...endOfRuns(plane, settings),
    // Whoever calls an agent may bring a model or tools of their own, whatever the types say.
    prepareCall: async (call: unknown) => {
      const prepared: unknown = prepareCall === undefined ? call : await prepareCall(call);
      if (!isSettings(prepared)) return prepared;
      const isAsGoverned = prepareCall === undefined && isSame(prepared, { ...settings, ...changed });
      if (isAsGoverned) return prepared;
      const said = joinedOptions(providerOptions, prepared.providerOptions);
      return governed({ plane, identity, options }, { ...prepared }, said);
    },
  };
  // The same members with the same types.
  return { ...settings, ...changed };
}

const GOVERNED = ["model", "tools", "toolApproval", "prepareStep", "providerOptions"] as const;

/** Whether nothing that is governed was replaced. */
function isSame(call: GovernableSettings, settings: GovernableSettings): boolean {
  return GOVERNED.every((name) => call[name] === settings[name]);
}

function isSettings(prepared: unknown): prepared is GovernableSettings {
  return typeof prepared === "object" && prepared !== null;
}
