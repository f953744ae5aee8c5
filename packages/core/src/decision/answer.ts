import type { DegradeSpec } from "../policy/mode.ts";
import type { Obligation } from "./obligation.ts";

/** One rule's opinion; a rule without one answers nothing ("skip"). */
export interface Answer {
  readonly answer: "allow" | "escalate" | "degrade" | "block";
  /** For people: why. Never contains a raw argument. */
  readonly reason: string;
  /** For the model: what to do instead. Default: the reason. */
  readonly message?: string;
  readonly retryAfterMs?: number;
  /** With `degrade`: the mode to set before this call is judged. */
  readonly degrade?: DegradeSpec;
  /** Why a rule could not answer: it threw, hung or missed a value. Set by the engine alone. */
  readonly failure?: "threw" | "timeout" | "invalid";
}

/** What a rule gives back: an opinion, duties, or nothing. */
export interface RuleAnswer {
  readonly answer?: Answer;
  readonly obligations?: readonly Obligation[];
}
