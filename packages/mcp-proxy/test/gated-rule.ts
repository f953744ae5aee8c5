import { defineRule, type PlaneOptions } from "@agentplane/core";
import * as z from "zod";

/** Options of a plane whose rules think, at one hookpoint, until the test lets them. */
export interface Gated {
  readonly planeOptions: PlaneOptions;
  /** How often they were asked so far. */
  asked(): number;
  /** They have no opinion, and have none from now on. */
  letGo(): void;
}

/** @param hookpoint Where the rule takes its time. */
export function gatedAt(hookpoint: string): Gated {
  let open: (() => void) | undefined;
  const gate = new Promise<undefined>((resolve) => (open = () => resolve(undefined)));
  let asked = 0;
  const gated = defineRule({
    kind: "gated",
    summary: "Waits for the test.",
    timing: "blocking",
    hookpoints: [hookpoint],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({
      check() {
        asked++;
        return gate;
      },
    }),
  });
  return {
    planeOptions: { rules: [gated], policies: [{ id: "gated", blocking: [{ rule: "gated" }] }] },
    asked: () => asked,
    letGo: () => open?.(),
  };
}
