import * as z from "zod/mini";

import { requireDetectors, requireFamily, requireScanner } from "./detectors.ts";
import { defineRule } from "./rule.ts";
import { countFindings, SCAN_CHANNELS, scanParts } from "./scan-content.ts";
import { scanParams } from "./scan-rule.ts";

/** Counts personal data in what calls carry and give back, and logs the counts: never a value. */
export const piiScan = defineRule({
  kind: "piiScan",
  timing: "nonBlocking",
  hookpoints: ["*"],
  params: z.strictObject({
    detect: scanParams.detect,
    threshold: scanParams.threshold,
    channels: scanParams.channels,
  }),
  needs: ["scanner"],
  isStateless: true,
  compile({ detect: names, threshold, channels: listed }, tools) {
    const scanner = requireScanner(tools);
    const detectors = names === undefined ? requireFamily("pii", tools) : requireDetectors(names, tools);
    const detect = detectors.map(({ name }) => name);
    const channels: ReadonlySet<string> = new Set(listed ?? SCAN_CHANNELS);
    const { logger, metrics, policyId, ruleId } = tools;
    const findings = metrics?.counter(PII_FINDINGS);
    return {
      observe({ context, phase }) {
        // The outcome's context carries the result; at the decision the input.
        const parts = scanParts(context).filter(({ channel }) => channels.has(channel));
        const { counts, isTruncated } = countFindings(parts, scanner, { detect, threshold });
        if (counts.size === 0 && !isTruncated) return;
        const { hookpoint, agent, tenant, tool } = context;
        const where = { policyId, ruleId, phase, hookpoint, agent: agent.id, tenant, tool: tool?.name };
        logger.info("personal data found", { ...where, counts: Object.fromEntries(counts), isTruncated });
        for (const [type, count] of counts) findings?.record(count, { "agentplane.pii.type": type });
      },
    };
  },
});

const PII_FINDINGS = {
  name: "agentplane.pii.findings",
  unit: "{finding}",
  description: "Personal data found in governed calls, by type",
} as const;
