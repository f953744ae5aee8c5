import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import { TOKEN_EDGE } from "./token-edge.ts";

// Prefixes of key ids: AKIA long-term, ASIA temporary, ABIA and ACCA service-specific (AWS IAM User Guide, "Unique identifiers").
const KEY_ID = new RegExp(
  `${TOKEN_EDGE}(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9\\u00c0-\\u024f_])`,
  "g",
);

/** Finds AWS access key ids; the ones that end in `EXAMPLE`, as all of AWS's documentation uses, are left alone. */
export const awsAccessKey: Detector = {
  name: "awsAccessKey",
  family: "secret",
  maxSpanChars: 20,
  patterns: [KEY_ID],
  find: (text) =>
    findMatches(text, KEY_ID)
      .filter((match) => !match[0].endsWith("EXAMPLE"))
      .map((match) => ({ type: "awsAccessKey", start: match.index, end: match.index + 20, score: 0.98 })),
};
