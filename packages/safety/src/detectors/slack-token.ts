import type { Detector } from "../detector.ts";
import { createTokenDetector } from "./token-detector.ts";
import { TOKEN_EDGE } from "./token-edge.ts";

/** Finds Slack tokens (`xoxb-…`, `xapp-…`) and the address of incoming webhooks (Slack API docs, "Token types"). */
export const slackToken: Detector = createTokenDetector({
  name: "slackToken",
  holdBackChars: 64,
  beginnings: [
    new RegExp(`${TOKEN_EDGE}xox[abeoprs]-(?:\\d-)?[A-Za-z0-9]{10}`, "g"),
    new RegExp(`${TOKEN_EDGE}xapp-\\d-[A-Z0-9]{8}`, "g"),
    /hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Z0-9]{8,12}\/[A-Za-z0-9]{8,14}\/[A-Za-z0-9]{8}/g,
  ],
  isPlausible: (beginning) => /\d/.test(beginning),
});
