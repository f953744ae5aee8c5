import * as z from "zod/mini";

import { AgentplaneError } from "../base/errors.ts";
import type { DetectorInfo, ScanChannel, Scanner } from "../base/scanner.ts";
import { hasUnreadable } from "../context/snapshot.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import { between } from "../policy/between.ts";
import { omittable } from "../policy/omittable.ts";
import { requireDetectors, requireFamily, requireScanner, spanOf } from "./detectors.ts";
import { NEEDS_NO_TEXT, type CompiledRule, type CompileTools, type RuleKind } from "./rule.ts";
import { countFindings, SCAN_CHANNELS, scanParts, type ScanPart } from "./scan-content.ts";
import { someOf } from "./some-of.ts";

/** The hookpoints whose content is scanned. */
export const SCANNED_HOOKPOINTS: RuleKind["hookpoints"] = ["*"];

/** What every blocking scan can be told. */
export const scanParams = {
  /** Detector names; default: every detector of the family. */
  detect: omittable(someOf(z.string().check(between(1)))),
  /** How sure a finding must be, 0 to 1. */
  threshold: z._default(z.number().check(between(0, 1)), 0.5),
  onFinding: z._default(z.enum(["block", "escalate"]), "block"),
  /** Whose words are scanned. */
  channels: omittable(someOf(z.enum(SCAN_CHANNELS))),
};

/** How one kind of scan differs from the others. */
export interface ScanKind {
  readonly family: DetectorInfo["family"];
  /** For people: `a prompt injection`. */
  readonly what: string;
  readonly channels: readonly ScanChannel[];
}

/** The parameters of a scan after parsing. */
export interface ScanRuleParams {
  readonly detect?: readonly string[];
  readonly threshold: number;
  readonly onFinding: "block" | "escalate";
  readonly channels?: readonly ScanChannel[];
}

/**
 * Compiles a scan of everything a call carries.
 * @throws ConfigError when the scanner lacks a detector of the family, or one that `detect` names.
 */
export function compileScan(kind: ScanKind, params: ScanRuleParams, tools: CompileTools): CompiledRule {
  const scanner = requireScanner(tools);
  const detectors = chosenDetectors(kind, params.detect, tools);
  const channels: ReadonlySet<string> = new Set(params.channels ?? kind.channels);
  const options = { detect: detectors.map(({ name }) => name), threshold: params.threshold };
  return {
    reads: [],
    span: channels.has("model_output") ? spanOf(detectors) : NEEDS_NO_TEXT,
    neverAsks: params.onFinding === "block",
    check(context) {
      const parts = scanParts(context).filter(({ channel }) => channels.has(channel));
      return parts.length === 0 ? undefined : judge(parts, { kind, params, scanner, options, tools });
    },
  };
}

interface Judging {
  readonly kind: ScanKind;
  readonly params: ScanRuleParams;
  readonly scanner: Scanner;
  readonly options: { readonly detect: readonly string[]; readonly threshold: number };
  readonly tools: CompileTools;
}

function judge(parts: readonly ScanPart[], judging: Judging): RuleAnswer | undefined {
  const { kind, params, scanner, options, tools } = judging;
  const { counts, isTruncated } = countFindings(parts, scanner, options);
  if (counts.size > 0) {
    const found = [...counts.keys()].toSorted().join(", ");
    const where = [...new Set(parts.map(({ channel }) => channel))].join(", ");
    return { answer: { answer: params.onFinding, reason: `${kind.what} was found (${found}) in ${where}` } };
  }
  // Nothing found in what can be read is not nothing found: the policy's onError decides.
  if (isTruncated) throw failed("met a text too long to be scanned wholly", tools);
  const unread = parts.find(({ value }) => hasUnreadable(value));
  if (unread === undefined) return undefined;
  throw failed(`cannot read all of the ${unread.channel}: it holds a value that is not plain JSON`, tools);
}

function failed(why: string, { policyId, ruleId }: CompileTools): AgentplaneError {
  return new AgentplaneError("rule_failed", `rule "${ruleId}" ${why}`, { data: { policyId, ruleId } });
}

function chosenDetectors(
  { family }: ScanKind,
  names: readonly string[] | undefined,
  tools: CompileTools,
): readonly DetectorInfo[] {
  if (names === undefined) return requireFamily(family, tools);
  const chosen = requireDetectors(names, tools);
  const stray = chosen.find((detector) => detector.family !== family);
  if (stray === undefined) return chosen;
  return tools.fail(
    "detect",
    `"${stray.name}" belongs to the family "${stray.family}"`,
    `list detectors of "${family}"`,
  );
}
