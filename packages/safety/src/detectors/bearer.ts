import { isAlphanumeric } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import { createTokenDetector } from "./token-detector.ts";

/**
 * Finds the credential after the word `Bearer` (RFC 6750, `b64token`): at least 16 characters with a digit among the
 * first 16, which keeps prose and placeholders such as `YOUR_TOKEN_GOES_HERE` out. The word itself is not covered.
 */
export const bearer: Detector = createTokenDetector({
  name: "bearer",
  holdBackChars: 32,
  beginnings: [/(?<=(?<!\[)\bbearer[ \t:]{1,4})[A-Za-z0-9._~+/-]{16}/gi],
  isInToken: (code) => isAlphanumeric(code) || "-._~+/=".includes(String.fromCharCode(code)),
  isPlausible: (beginning) => /\d/.test(beginning),
});
