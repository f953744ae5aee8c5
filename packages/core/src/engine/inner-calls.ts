import type { InnerCall } from "../decision/decision-point.ts";

/** Layers that may intercept one call, each inside the one before: more than any stack of adapters has. */
const MAX_LAYERS = 4;

/** How an interception inside the admission of its own call may go on. */
export interface InnerEntry {
  /** What it is decided under: the admission around it, or an attempt of its own. */
  readonly callKey: string;
  readonly isJoined: boolean;
  readonly attempt: number;
}

/**
 * The one place inside a running admission for the same call: the next layer of an adapter finds itself there and joins.
 * Whoever comes beside it or after it is a repeat, else one admission would let a call run any number of times: it is
 * answered as a call's states say, and a retry of what failed is an attempt with holds of its own.
 */
export class InnerCalls {
  readonly #callKey: string;
  readonly #layers: number;
  #state: "open" | "taken" | "ran" = "open";
  #attempt = 1;
  #retryKey: string | undefined;

  /**
   * @param callKey Of the admission around.
   * @param layers How many of this call's interceptions lie around it.
   */
  constructor(callKey: string, layers: number) {
    this.#callKey = callKey;
    this.#layers = layers;
  }

  /** @param freshId Names an attempt of its own, should this be one. */
  enter(freshId: string): InnerEntry | "in_flight" | "already_executed" {
    if (this.#state === "taken" || this.#layers >= MAX_LAYERS) return "in_flight";
    if (this.#state === "ran") return "already_executed";
    // Kept until that attempt fails: what was asked about first, or interrupted, comes again under the same key.
    if (this.#attempt > 1) this.#retryKey ??= `${this.#callKey}>${freshId}`;
    const isJoined = this.#retryKey === undefined;
    return { callKey: this.#retryKey ?? this.#callKey, isJoined, attempt: this.#attempt };
  }

  /** Takes the place before anything is awaited: of several at once, one gets it. */
  take({ isJoined }: InnerEntry): InnerCall {
    this.#state = "taken";
    let hasEnded = false;
    return {
      isJoined,
      layers: this.#layers + 1,
      end: (how) => {
        if (hasEnded) return;
        hasEnded = true;
        this.#state = how === "ran" ? "ran" : "open";
        if (how !== "failed") return;
        this.#attempt++;
        this.#retryKey = undefined;
      },
    };
  }
}
