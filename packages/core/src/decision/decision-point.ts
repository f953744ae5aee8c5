import type { MaybePromise } from "../base/maybe-promise.ts";
import type { Usage } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Decision, DecisionCause, Intent } from "./decision.ts";
import type { RedactObligation } from "./obligation.ts";

/** A decision together with the context as it will be executed (before) or shown (after): rewritten and redacted. */
export interface Ruling {
  readonly decision: Decision;
  readonly context: PolicyContext;
  /** Keys under which this call is known: as it was asked and, if it was rewritten, as it runs. */
  readonly callKeys: readonly string[];
  /** Set where the admission of this very call is running around it. */
  readonly inner?: InnerCall | undefined;
}

/** A further interception of a call inside its own admission; the next one waits for its end. */
export interface InnerCall {
  /** Its end is the outer one's; else it is a retry, with an admission of its own. */
  readonly isJoined: boolean;
  /** How many interceptions of this call there are, one inside the other, without the outermost. */
  readonly layers: number;
  /** The first end counts. @param how \`again\`, and how a call ends of which nothing ran or that control flow left. */
  end(how: CallEnd["status"] | "again"): void;
}

/** Whether rules decide about a result, only watch it (shadow policies, observers, records), or do not see it at all. */
export type Attention = "judges" | "watches" | "nothing";

/** How an admitted call ended. */
export type CallEnd =
  /**
   * The action ran; `context` is the `after_*` context with the result. Answers with the ruling on the result. A
   * `denial` that enforcement found itself withholds it.
   */
  | {
      readonly status: "ran";
      readonly context: PolicyContext;
      readonly usage?: Usage | undefined;
      readonly denial?: Denial | undefined;
    }
  /**
   * The action threw; `context` carries the error's text as its result. Budgets are released unless usage is known,
   * rates stay. Answers with the ruling on the text.
   */
  | {
      readonly status: "failed";
      readonly context: PolicyContext;
      readonly usage?: Usage | undefined;
      readonly denial?: Denial | undefined;
    }
  /** The action never started: everything is given back. */
  | {
      readonly status: "released";
      /** Enforcement refused it after all, so that what a human has allowed is given back too. Default false. */
      readonly isRefused?: boolean;
    }
  /** Control flow left the run (an interrupt): holds are kept, the call may be resumed. */
  | { readonly status: "suspended" };

/** How a stream of model output must be treated before the after-decision is known. */
export interface StreamDuties {
  /** `whole`: an enforcing rule needs the whole response; otherwise the number of characters to hold back. */
  readonly holdBack: "whole" | number;
  readonly redact: readonly RedactObligation[];
  /** The rules that need the whole response and are asked when its beginning has already left; mostly none. */
  readonly exposedTo: readonly string[];
}

/** How a context is decided beside its intent. */
export interface RuleOptions {
  /** Whether a human can be asked; `false` blocks what needs one. Default true. */
  readonly canAsk?: boolean | undefined;
  /** Whether limits have counted this call already, under another admission. Default false. */
  readonly isCounted?: boolean | undefined;
}

/** A denial found outside the rules. */
export interface Denial {
  readonly cause: DecisionCause;
  readonly reason: string;
  readonly message?: string;
}

/** What Guard needs to know of plugs while a call runs. */
export interface ControlsView {
  /** The decision that cuts this call now, or undefined. Synchronous, records nothing. */
  cutOf(context: PolicyContext): Decision | undefined;
  /** Called after every change of a plug or mode. Returns the unsubscription. */
  subscribe(changed: () => void): () => void;
}

/** The seam between enforcement and decision: the local engine, a remote PDP client or a test fake. */
export interface DecisionPoint {
  /** Grows with every change of policies, plugs or modes. */
  readonly revision: number;
  readonly controls: ControlsView;
  rule(context: PolicyContext, options: { readonly intent: Intent } & RuleOptions): MaybePromise<Ruling>;
  /**
   * Ends an admission, exactly once; a second end is ignored. What was decided inside the admission of the same call ends
   * with that one, which judges the result.
   * @returns For `ran` and `failed` the ruling on the result; otherwise undefined.
   */
  finish(decisionId: string, end: CallEnd): MaybePromise<Ruling | undefined>;
  /**
   * Decides and records a denial that enforcement itself found, such as a hook's block.
   * @param options The intent; default `admit`. A `peek` is not recorded.
   */
  refuse(
    context: PolicyContext,
    denial: Denial,
    options?: { readonly intent?: Intent },
  ): MaybePromise<Decision>;
  /** Remembers that a human is asked about a call which no policy asks about; nothing of one without an id. */
  noteAsked(context: PolicyContext): MaybePromise<void>;
  /** Whether a human was asked about a call, by whomever, and nothing has come of it yet. */
  isAsked(context: PolicyContext, options?: { readonly isAnswer?: boolean }): MaybePromise<boolean>;
  /** What looks at what follows this call; if nothing does, its result is never read. */
  looksAfter(context: PolicyContext): Attention;
  /** Keeps the holds of a running call alive. */
  renew(decisionId: string): MaybePromise<void>;
  /**
   * Notes that nothing is known of a call that was admitted: what it holds expires at its time and, when it has, the call is
   * recorded as `unsettled`, once. Its end may still come, and is then judged, charged and recorded like any.
   * @returns Whether the call is still known; of those whose time is up, the newest 10,000 are.
   */
  lapse(decisionId: string): boolean;
  /** Asked once when a stream starts; a stream whose beginning leaves unjudged is recorded. */
  streamDuties(context: PolicyContext): StreamDuties;
}
