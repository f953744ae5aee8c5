import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { Intent } from "../decision/decision.ts";
import type { AdmissionChange, DocumentStore } from "../store/state-store.ts";
import {
  admitted,
  advance,
  enter,
  isOpenQuestion,
  noted,
  type AdvanceInfo,
  type CallEntry,
  type EnterOptions,
  type OnUnknownOutcome,
} from "./admission-machine.ts";
import type { CallRecord } from "./call-record.ts";

export type { AdvanceInfo, CallEntry, EnterOptions, OnUnknownOutcome } from "./admission-machine.ts";

/** What admissions need. */
export interface AdmissionsDeps {
  readonly admissions: DocumentStore;
  /** Default `block`; `rerun` is only for calls that read. */
  readonly onUnknownOutcome?: OnUnknownOutcome;
}

/** How long a call is known. */
const KEPT = { ttlMs: 86_400_000 } as const;
const DEFAULT_HOLD_TTL_MS = 120_000;

/** Knows every call again for a day: replays, resumes, retries and crashes, across processes on one store. */
export class Admissions {
  readonly #documents: DocumentStore;
  readonly #onUnknownOutcome: OnUnknownOutcome;
  /** What `enter` was told; `advance` counts by the same. */
  #holdTtlMs = DEFAULT_HOLD_TTL_MS;

  constructor({ admissions, onUnknownOutcome = "block" }: AdmissionsDeps) {
    this.#documents = admissions;
    this.#onUnknownOutcome = onUnknownOutcome;
  }

  /** Which call this is, and for a binding decision the claim to make it: of several at once, one gets it. */
  enter(callKey: string, intent: Exclude<Intent, "peek">, options: EnterOptions): MaybePromise<CallEntry> {
    this.#holdTtlMs = options.holdTtlMs;
    const how = { ...options, callKey, onUnknownOutcome: this.#onUnknownOutcome };
    let entry: CallEntry = { kind: "refused", cause: "in_flight" };
    const change = (old: CallRecord | undefined): CallRecord | undefined => {
      const entering = enter(old, intent, how);
      entry = entering.entry;
      return entering.next;
    };
    return andThen(this.#documents.update<CallRecord>(callKey, change, KEPT), () => entry);
  }

  /** What `enter` would answer to a binding decision, by what this process knows of the call without asking. */
  guess(callKey: string, options: EnterOptions): CallEntry {
    const how = { ...options, callKey, onUnknownOutcome: this.#onUnknownOutcome };
    // The key decides the type: nobody else writes there.
    const old = this.#documents.recent?.(callKey) as CallRecord | undefined;
    return enter(old, "admit", how).entry;
  }

  /**
   * The call's part in an admission in one step: claim and decision at once; called off where that cannot be.
   * @param reached Told which attempt it is, whenever the change is tried.
   */
  admitting(
    callKey: string,
    options: EnterOptions & Pick<AdvanceInfo, "decisionId" | "reservationId">,
    reached: (attempt: number) => void,
  ): AdmissionChange {
    this.#holdTtlMs = options.holdTtlMs;
    const how = { ...options, callKey, onUnknownOutcome: this.#onUnknownOutcome };
    const change = (old: CallRecord | undefined): CallRecord | undefined => {
      const next = admitted(old, how, options);
      if (next !== undefined) reached(next.attempt);
      return next ?? old;
    };
    // The collection decides the type: nobody else writes there.
    return {
      collection: "admissions",
      key: callKey,
      change: (old) => change(old as CallRecord | undefined),
      ...KEPT,
    };
  }

  /**
   * Moves a call on; what is reported by someone who does not hold the call changes nothing.
   * @throws AgentplaneError `call_taken_over` when a call is to be admitted that another decision has taken over meanwhile
   */
  advance(
    callKey: string,
    to: "asked" | "admitted" | "suspended" | "failed" | "done",
    info: AdvanceInfo,
  ): MaybePromise<void> {
    const how = { ...info, callKey, holdTtlMs: this.#holdTtlMs };
    const moved = this.#documents.update<CallRecord>(callKey, (old) => advance(old, to, how), KEPT);
    return andThen(moved, (record) => {
      if (to !== "admitted" || record?.decisionId === info.decisionId) return;
      throw new AgentplaneError(
        "call_taken_over",
        "another decision has taken this call over; it is admitted only once",
      );
    });
  }

  /** Remembers that a human is asked about a call which no policy asks about. */
  noteAsked(callKey: string, nowMs: number): MaybePromise<void> {
    const asked = this.#documents.update<CallRecord>(callKey, (old) => noted(old, nowMs), KEPT);
    return andThen(asked, () => undefined);
  }

  /** Whether a human was asked about a call, by whomever, and nothing has come of it yet. */
  isAsked(callKey: string, nowMs: number): MaybePromise<boolean> {
    const known = this.#documents.read<CallRecord>(callKey);
    return andThen(known, (record) => isOpenQuestion(record, nowMs));
  }

  /** A sign of life of a running call: until its hold's time is up again, it is in flight and not lost. */
  renew(
    callKey: string,
    { decisionId, nowMs }: { readonly decisionId: string; readonly nowMs: number },
  ): MaybePromise<void> {
    const untilMs = nowMs + this.#holdTtlMs;
    const renewed = this.#documents.update<CallRecord>(
      callKey,
      (old) => (old?.state === "admitted" && old.decisionId === decisionId ? { ...old, untilMs } : old),
      KEPT,
    );
    return andThen(renewed, () => undefined);
  }
}
