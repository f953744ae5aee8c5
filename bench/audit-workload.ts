import crypto from "node:crypto";

import type { AuditRecord, Hash } from "@agentplane/core";

/** The platform's SHA-256, as the planes of these benches use it. */
export const hash: Hash = {
  sha256: (text) => crypto.hash("sha256", text, "hex"),
  hmacSha256: (key, text) => crypto.createHmac("sha256", key).update(text).digest("hex"),
};

/** A decision of ordinary size. */
export function record(at: number): AuditRecord {
  return {
    kind: "decision",
    at: 1_700_000_000_000 + at,
    identity: { agent: `agent-${at % 20}`, tenant: `tenant-${at % 100}`, session: "s" },
    tool: "search",
    attempt: 1,
    inputDigest: hash.sha256(String(at)),
    decision: {
      id: `dec_${at}`,
      hookpoint: "before_tool_call",
      intent: "admit",
      verdict: "allow",
      effect: "allow",
      cause: "rule",
      policyId: "acme.search",
      policyVersion: `sha256:${"0".repeat(64)}`,
      ruleId: "allowlist",
      reason: "the tool is on the allowlist",
      message: "Allowed.",
      obligations: [],
      findings: [],
      shadow: [],
      modes: [],
      revision: 1,
      durationMs: 0.011,
    },
  };
}
