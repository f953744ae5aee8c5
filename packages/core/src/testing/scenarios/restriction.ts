import type { MaybePromise } from "../../base/maybe-promise.ts";
import type { Mode } from "../../policy/mode.ts";
import type { World } from "./world.ts";

/** Something that stops calls while it is in force, and how it is put in force. */
export interface Restriction {
  readonly feature: "block" | "kill" | Mode;
  /** A tool of the scenarios' operator that it stops. */
  readonly forbidden: "delete_order" | "send_mail";
  /** Puts it in force, for the agent `support` and whatever runs inside it. */
  impose(world: World): MaybePromise<void>;
}

/** Stops some tools; the agent goes on with the others. */
export const PARTIAL_RESTRICTIONS: readonly Restriction[] = [
  {
    feature: "block",
    forbidden: "delete_order",
    impose: ({ plane }) => {
      plane.engine.addPolicy({ id: "no-delete", blocking: [{ rule: "denylist", tools: ["delete_order"] }] });
    },
  },
  modeRestriction("READ_ONLY", "delete_order"),
  modeRestriction("NO_EXTERNAL", "send_mail"),
  modeRestriction("SAFE_TOOLS_ONLY", "delete_order"),
];

/** Stop everything the agent does, from the next hookpoint on. */
export const TOTAL_RESTRICTIONS: readonly Restriction[] = [
  {
    feature: "kill",
    forbidden: "delete_order",
    impose: ({ plane }) =>
      plane.controls.unplug({ kind: "agent", id: "support" }, { by: "olga", reason: "stop" }),
  },
  modeRestriction("FULL_BLOCK", "delete_order"),
];

function modeRestriction(mode: Mode, forbidden: Restriction["forbidden"]): Restriction {
  return {
    feature: mode,
    forbidden,
    impose: ({ plane }) =>
      plane.controls.degrade({ kind: "agent", id: "support", tenant: "acme" }, mode, { by: "olga" }),
  };
}
