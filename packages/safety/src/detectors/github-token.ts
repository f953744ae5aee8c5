import type { Detector } from "../detector.ts";
import { createTokenDetector } from "./token-detector.ts";
import { TOKEN_EDGE } from "./token-edge.ts";

/**
 * Finds GitHub tokens: personal (`ghp_`, `github_pat_`), OAuth, user-to-server, server-to-server and refresh ones
 * (GitHub Docs, "About authentication to GitHub", token formats).
 */
export const githubToken: Detector = createTokenDetector({
  name: "githubToken",
  holdBackChars: 48,
  beginnings: [
    new RegExp(`${TOKEN_EDGE}gh[pousr]_[A-Za-z0-9]{36}`, "g"),
    new RegExp(`${TOKEN_EDGE}github_pat_[A-Za-z0-9_]{22}`, "g"),
  ],
});
