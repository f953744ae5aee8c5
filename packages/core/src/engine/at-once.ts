import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Ruling } from "../decision/decision-point.ts";
import { isSameHistory } from "../state/session-record.ts";
import type { AdmissionChange, StateStore, StoreAdmissionAnswer } from "../store/state-store.ts";
import type { InForce } from "./assemble-policies.ts";
import { addFlight, conclude, kept, rulingOf } from "./conclude.ts";
import { createPass } from "./create-pass.ts";
import { attempt, type Failure } from "./fail-closed.ts";
import { recordLateShadow } from "./late-shadow.ts";
import { votersOfPass } from "./outcome-of-pass.ts";
import { setRare, type AtOnce, type Pass } from "./pass.ts";
import { survivingSteps, walk, type PipelineParts, type Step } from "./pipeline.ts";
import { entryOf } from "./remember-call.ts";
import { gateWritten } from "./step-gate.ts";
import { requestOf } from "./step-reserve.ts";

/** The parts of the pipeline that an admission in one step goes through, and falls back on. */
export interface AtOnceSteps {
  /** Which call this is and what its session has seen, by what this process knows without asking. */
  readonly guessing: readonly Step[];
  /** The same as it is, with the claim to decide the call. */
  readonly entering: readonly Step[];
  readonly judging: readonly Step[];
  /** Binds the limits without taking anything. */
  readonly bind: Step;
  /** From the reservation on, step by step. */
  readonly binding: readonly Step[];
}

/** What admits in one step. */
export type AdmitAtOnce = (context: PolicyContext, canAsk: boolean) => MaybePromise<Ruling>;

type Leave = NonNullable<AtOnce["leave"]>;

/** Where others keep changing what a call is decided on, it is decided step by step instead. */
const MAX_TRIES = 3;

/**
 * Decides admissions in one step of the store: on what this process knows without asking, then all that the call takes
 * and leaves behind is written at once, if that is still so and no limit is exceeded. Whatever is no plain allow goes on
 * step by step, on what is really there.
 * @param admit The store's.
 */
export function createAtOnce(
  admit: NonNullable<StateStore["admit"]>,
  parts: PipelineParts,
  { steps, inForce }: { readonly steps: AtOnceSteps; readonly inForce: () => InForce },
): AdmitAtOnce {
  const surviving = (list: readonly Step[]): readonly Step[] => survivingSteps(parts, list);
  const guessing = surviving([...steps.guessing, ...steps.judging, steps.bind]);
  const entering = surviving(steps.entering);
  const judging = surviving([...steps.judging, ...steps.binding]);
  const binding = surviving(steps.binding);

  const lines = new Map<string, (() => void)[]>();
  /** Calls of one history that come at once are called off for each other: only one of them can win at a time. */
  const inLine = async (key: string, work: (leave: Leave) => MaybePromise<Ruling>): Promise<Ruling> => {
    const known = lines.get(key);
    const line = known ?? [];
    if (known === undefined) lines.set(key, line);
    else await new Promise<void>((go) => line.push(go));
    let isOver = false;
    const leave: Leave = (isFailed) => {
      if (isOver) return;
      isOver = true;
      // Else each of them would wait for a store that does not answer, one after the other.
      const next = line.splice(0, isFailed ? line.length : 1);
      if ((isFailed || next.length === 0) && lines.get(key) === line) lines.delete(key);
      for (const go of next) go();
    };
    try {
      return await work(leave);
    } finally {
      leave(true);
    }
  };
  const begin = (context: PolicyContext, canAsk: boolean): Pass => {
    const pass = createPass(context, "admit", inForce(), parts);
    if (!canAsk) setRare(pass, { isUnasked: true });
    return pass;
  };
  const tryOnce = (
    context: PolicyContext,
    canAsk: boolean,
    earlier: number,
    leave?: Leave,
  ): MaybePromise<Ruling> => {
    const pass = begin(context, canAsk);
    setRare(pass, {
      once: {
        earlier,
        isFree: true,
        isBound: false,
        isGivenUp: false,
        answer: undefined,
        line: "",
        leave,
      },
    });
    return walk({ steps: guessing, end: (guessed) => end(guessed) }, pass, parts);
  };
  const goOn = (pass: Pass, from: readonly Step[]): MaybePromise<Ruling> => {
    pass.hasEnded = false;
    return walk({ steps: from, end: conclude }, pass, parts);
  };

  /** What was guessed is looked up; where it was right, what the rules have said of it stands. */
  const byFacts = (pass: Pass): MaybePromise<Ruling> => {
    pass.rare.once?.leave?.(false);
    if (pass.call.callKey === undefined && pass.session === undefined) return goOn(pass, binding);
    const known = (real: Pass): MaybePromise<Ruling> => {
      if (!isAsGuessed(pass, real)) return goOn(real, judging);
      pass.call = real.call;
      pass.session = real.session;
      pass.hasAwaited ||= real.hasAwaited;
      return goOn(pass, binding);
    };
    return walk({ steps: entering, end: known }, begin(pass.asked, !pass.rare.isUnasked), parts);
  };

  const end = (pass: Pass): MaybePromise<Ruling> => {
    if (!isPlainAllow(pass, parts)) return byFacts(pass);
    const request = requestOf(pass, parts);
    if (request !== undefined) pass.heldIds = [request.id];
    const ruling = rulingOf(pass, parts);
    const written = attempt((...given) => write(admit, ...given), pass, ruling, parts);
    return isThenable(written)
      ? written.then((failure) => wrote(pass, ruling, failure))
      : wrote(pass, ruling, written);
  };

  const wrote = (pass: Pass, ruling: Ruling, failure: Failure): MaybePromise<Ruling> => {
    const { once } = pass.rare;
    const { settings } = parts;
    if (failure !== undefined || once?.answer?.isAdmitted !== false) {
      if (once !== undefined && failure !== undefined && settings.onStateError === "block")
        once.isGivenUp = true;
      // Not before: what runs inside another admission of this very call finds that one by its key.
      else addFlight(pass, ruling, parts.inFlight);
      if (pass.rare.lateShadow.length > 0) recordLateShadow(pass, ruling.decision, parts);
      // Who is next need not wait for the record.
      once?.leave?.(failure !== undefined);
      return kept(pass, ruling, { parts, stateError: failure });
    }
    pass.heldIds = [];
    if (once.answer.reservation !== undefined) return byFacts(pass);
    const tries = once.earlier + 1;
    const again = (leave?: Leave): MaybePromise<Ruling> => {
      if (tries < MAX_TRIES) return tryOnce(pass.asked, !pass.rare.isUnasked, tries, leave);
      leave?.(false);
      return walk(
        { steps: [...entering, ...judging], end: conclude },
        begin(pass.asked, !pass.rare.isUnasked),
        parts,
      );
    };
    // A store that answers at once knows no others of this process; who has its turn keeps it.
    return once.line !== "" && pass.hasAwaited && tries === 1 ? inLine(once.line, again) : again(once.leave);
  };

  return (context, canAsk) => tryOnce(context, canAsk, 0);
}

/** Whether nothing stands between a call and its admission but the store. */
function isPlainAllow(pass: Pass, { settings }: PipelineParts): boolean {
  if (pass.refusal !== undefined || pass.rare.once?.isFree !== true || pass.rare.asks.length > 0)
    return false;
  return votersOfPass(pass, settings.combine).every(({ answer }) => answer === "allow");
}

/** Whether a call is what it was taken for, so that all that was decided on it holds. */
function isAsGuessed(pass: Pass, real: Pass): boolean {
  if (pass.rare.once?.isFree !== true || real.refusal !== undefined || real.rare.joined !== undefined)
    return false;
  const isSameCall = real.call.callKey === pass.call.callKey && !real.call.isJoined;
  const isSamePlane = real.index === pass.index && real.revision === pass.revision;
  return isSameCall && isSamePlane && isSameHistory(pass.session, real.session);
}

/** Takes and writes all of an admission; what was set meanwhile refuses it at once. */
function write(
  admit: NonNullable<StateStore["admit"]>,
  pass: Pass,
  ruling: Ruling,
  parts: PipelineParts,
): MaybePromise<void> {
  const changes = changesOf(pass, ruling, parts).map((change) => unlessGivenUp(change, pass.rare.once));
  // The last one is that of its history. Whose rules take their time would keep all behind it waiting for them.
  if (pass.rare.once !== undefined && !pass.hasAwaited) pass.rare.once.line = changes.at(-1)?.key ?? "";
  const answered = admit({ reserve: requestOf(pass, parts), changes });
  const take = (answer: StoreAdmissionAnswer): MaybePromise<void> => {
    if (pass.rare.once !== undefined) pass.rare.once.answer = answer;
    if (answer.isAdmitted) return gateWritten(pass, parts);
  };
  if (!isThenable(answered)) return take(answered);
  return answered.then((answer) => {
    pass.hasAwaited = true;
    return take(answer);
  });
}

/** What a store comes to only after its time was up is called off: the call was refused, and may have come again. */
function unlessGivenUp(change: AdmissionChange, once: AtOnce | undefined): AdmissionChange {
  return { ...change, change: (old) => (once?.isGivenUp === true ? old : change.change(old)) };
}

function changesOf(pass: Pass, { decision }: Ruling, parts: PipelineParts): readonly AdmissionChange[] {
  const { sessions, admissions, settings } = parts;
  const seen = pass.plan?.needsSession === true ? pass.session : undefined;
  const inSession = sessions.appending(pass.context, entryOf(pass, decision, parts), seen);
  const { callKey, reservationId } = pass.call;
  if (callKey === undefined) return [inSession];
  const options = {
    nowMs: parts.nowMs(),
    holdTtlMs: settings.holdTtlMs,
    isRead: pass.traits?.access === "read",
    decisionId: decision.id,
    reservationId,
  };
  const reached = (attemptNo: number): void => void (pass.call = { ...pass.call, attempt: attemptNo });
  return [admissions.admitting(callKey, options, reached), inSession];
}
