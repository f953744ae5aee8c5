import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";

import type { Denial } from "../call/denial.ts";
import { isBoundToForm } from "./model-request.ts";
import { NO_USAGE } from "../content/model-usage.ts";

/** What becomes of a denied model call: an exception, or an answer in its place. */
export type DenialForm = "throw" | "substitute";

/**
 * How a denied call of this kind ends. Unless told otherwise a finished answer throws, because code reads it, and a
 * streamed one says why, because a person reads it. Where an answer in words would be an error of its own, it throws.
 * @param wanted `auto` for the above.
 */
export function denialForm(
  kind: "generate" | "stream",
  params: LanguageModelV4CallOptions,
  wanted: "auto" | DenialForm,
): DenialForm {
  if (isBoundToForm(params)) return "throw";
  if (wanted !== "auto") return wanted;
  return kind === "stream" ? "substitute" : "throw";
}

/** What stands for a whole answer: without tool calls, so that the agent ends. */
export function substituteResult(denial: Denial): LanguageModelV4GenerateResult {
  return {
    content: [{ type: "text", text: denial.message }],
    finishReason: FINISH,
    usage: NO_USAGE,
    providerMetadata: metadataOf(denial),
    warnings: [],
  };
}

/** The same as the parts of a stream, from its beginning. */
export function substituteParts(denial: Denial): readonly LanguageModelV4StreamPart[] {
  return [{ type: "stream-start", warnings: [] }, ...endingParts(denial, "substitute")];
}

/** Ends a stream that has begun: its open parts must be closed before. */
export function endingParts(denial: Denial, form: DenialForm): readonly LanguageModelV4StreamPart[] {
  const finish = {
    type: "finish",
    finishReason: FINISH,
    usage: NO_USAGE,
    providerMetadata: metadataOf(denial),
  } as const;
  if (form === "throw") return [{ type: "error", error: denial.error }, finish];
  const id = `agentplane-${denial.decision.id}`;
  return [
    { type: "text-start", id },
    { type: "text-delta", id, delta: denial.message },
    { type: "text-end", id },
    finish,
  ];
}

const FINISH = { unified: "content-filter", raw: "agentplane" } as const;

/** Lets an application find the decision in the audit trail. */
function metadataOf({ decision }: Denial): SharedV4ProviderMetadata {
  const { id, effect, cause, reason, policyId, ruleId, approvalId } = decision;
  return {
    agentplane: {
      decisionId: id,
      effect,
      cause,
      reason,
      ...(policyId !== undefined && { policyId }),
      ...(ruleId !== undefined && { ruleId }),
      ...(approvalId !== undefined && { approvalId }),
    },
  };
}
