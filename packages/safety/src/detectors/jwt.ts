import { isTokenChar } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import { createTokenDetector } from "./token-detector.ts";
import { TOKEN_EDGE } from "./token-edge.ts";

/**
 * Finds JSON Web Tokens (RFC 7519): header and payload are JSON objects, whose base64url form begins with `eyJ`.
 */
export const jwt: Detector = createTokenDetector({
  name: "jwt",
  holdBackChars: 320,
  // Not after a dot: a payload must not count as the header of another token, or long dotted runs cost quadratic time.
  beginnings: [new RegExp(`(?<!\\.)${TOKEN_EDGE}eyJ[A-Za-z0-9_-]{8,256}\\.eyJ[A-Za-z0-9_-]{8}`, "g")],
  isInToken: (code) => isTokenChar(code) || code === 46,
});
