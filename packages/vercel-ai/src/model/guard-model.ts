import { wrapLanguageModel, type LanguageModel, type ToolSet } from "ai";
import type { LanguageModelV4 } from "@ai-sdk/provider";

import { noteGoverned } from "../call/governed-calls.ts";
import { markGuarded, unguarded } from "../call/guarded-mark.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { generateGoverned, type ModelSettings } from "./model-call.ts";
import type { DenialForm } from "./model-denial.ts";
import { streamGoverned } from "./model-stream.ts";
import { checkChoice, checkGoverned, checkNames } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { languageModelOf } from "./resolve-model.ts";
import { createRetriedCalls } from "../run/retried-calls.ts";

/** How a model is guarded. */
export interface ModelOptions {
  /**
   * What becomes of a denied call. `throw`: `PolicyBlocked`, `PolicyDegraded` or `ApprovalPending`. `substitute`: an
   * answer that says why, with the finish reason `content-filter`. Default `auto`: a stream is substituted, a finished
   * answer throws. Where an object or a tool call is demanded, it always throws.
   */
  readonly onDenied?: "auto" | DenialForm;
  /** As the SDK is told: a retry is the same call, charged once. Default 2, which is the SDK's. */
  readonly maxRetries?: number;
  /**
   * The tools that the model is offered, as `guardTools` gave them: what the plane hides then goes by all names of a
   * tool, its server too. Default: by the name in the request alone.
   */
  readonly tools?: ToolSet | undefined;
}

/**
 * Puts a language model behind the plane: every call is decided and its prompt redacted before the provider is reached,
 * its answer judged before anyone sees it, its usage settled once. Tools that may not be called now are not offered.
 * @param model A model of any version, or the name of one.
 * @returns A model to use in its place.
 * @throws ConfigError for an unknown member of `identity` or `options`
 */
export function guardModel(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  model: LanguageModel,
  options: ModelOptions = {},
): LanguageModelV4 {
  checkGoverned("guardModel", identity);
  checkNames("guardModel", options, ["onDenied", "maxRetries", "tools"]);
  const { onDenied = "auto", maxRetries, tools = {} } = options;
  checkDenialForm("guardModel", onDenied);
  const retries = createRetriedCalls({ plane, identity, maxRetries });
  return guardedModel(model, { plane, identity, onDenied, tools, retries });
}

/** @throws ConfigError for a form that there is not */
export function checkDenialForm(source: string, value: ModelOptions["onDenied"] = "auto"): void {
  checkChoice(source, { path: "onDenied", value }, ["auto", "throw", "substitute"]);
}

/** The same, for settings that are checked. */
export function guardedModel(model: LanguageModel, settings: ModelSettings): LanguageModelV4 {
  const { plane } = settings;
  const own = unguarded(languageModelOf(model), plane);
  const guarded = wrapLanguageModel({
    model: own,
    middleware: {
      specificationVersion: "v4",
      wrapGenerate: ({ params, model: inner }) => {
        noteGoverned();
        return generateGoverned(settings, inner, params);
      },
      wrapStream: ({ params, model: inner }) => {
        noteGoverned();
        return streamGoverned(settings, inner, params);
      },
    },
  });
  return markGuarded(guarded, { plane, original: own });
}
