import type { Detector } from "../detector.ts";
import { createTokenDetector } from "./token-detector.ts";
import { TOKEN_EDGE } from "./token-edge.ts";

/**
 * Finds API keys with an unmistakable prefix: OpenAI (`sk-…`, `sk-proj-…`), Anthropic (`sk-ant-…`), Google (`AIza…`),
 * Stripe live keys, npm, Hugging Face, GitLab and SendGrid tokens. A digit is required, which placeholders lack.
 */
export const apiKey: Detector = createTokenDetector({
  name: "apiKey",
  holdBackChars: 56,
  beginnings: [
    new RegExp(`${TOKEN_EDGE}sk-(?:ant-(?:api|admin)\\d{2}-|proj-|svcacct-|admin-)[A-Za-z0-9_-]{24}`, "g"),
    new RegExp(`${TOKEN_EDGE}sk-[A-Za-z0-9]{32}`, "g"),
    new RegExp(`${TOKEN_EDGE}AIza[A-Za-z0-9_-]{35}`, "g"),
    new RegExp(`${TOKEN_EDGE}[sr]k_live_[A-Za-z0-9]{20}`, "g"),
    new RegExp(`${TOKEN_EDGE}npm_[A-Za-z0-9]{36}`, "g"),
    new RegExp(`${TOKEN_EDGE}hf_[A-Za-z0-9]{34}`, "g"),
    new RegExp(`${TOKEN_EDGE}glpat-[A-Za-z0-9_-]{20}`, "g"),
    new RegExp(`${TOKEN_EDGE}SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{20}`, "g"),
  ],
  isPlausible: (beginning) => /\d/.test(beginning),
});
