import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { RedactDeps } from "../context/redact.ts";
import type { RedactSurface } from "../decision/obligation.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlightTable } from "./in-flight.ts";
import type { Pass } from "./pass.ts";

/** What the steps work with. */
export interface PipelineParts extends EngineParts {
  readonly inFlight: InFlightTable;
  readonly redactDeps: Readonly<Record<RedactSurface, RedactDeps>>;
}

/** One step of the pipeline; returns a promise only if it has to wait. */
export type Step = (pass: Pass, parts: PipelineParts) => MaybePromise<void>;

/** A readable list of steps, and what concludes them. */
export interface Pipeline<R> {
  readonly steps: readonly Step[];
  /** Runs in the same turn as the last step: nothing else may come between a check and its conclusion. */
  readonly end: (pass: Pass, parts: PipelineParts) => MaybePromise<R>;
}

/**
 * Runs the steps in order, synchronously until one returns a promise; a refusal ends the walk. A step that fails blocks
 * the call. Without a closure: most walks never wait, and a closure for the case that one does costs every one of them.
 * @throws What the conclusion throws.
 */
export function walk<R>(pipeline: Pipeline<R>, pass: Pass, parts: PipelineParts): MaybePromise<R> {
  try {
    return walkFrom(0, pipeline, pass, parts);
  } catch (error) {
    return fail(error, pipeline, pass, parts);
  }
}

function walkFrom<R>(from: number, pipeline: Pipeline<R>, pass: Pass, parts: PipelineParts): MaybePromise<R> {
  const { steps } = pipeline;
  for (let position = from; position < steps.length; position++) {
    if (pass.refusal !== undefined || pass.rare.joined !== undefined) break;
    const pending = steps[position]!(pass, parts);
    if (isThenable(pending)) return walkLater(pending, position + 1, { pipeline, pass, parts });
  }
  return end(pipeline, pass, parts);
}

function end<R>(pipeline: Pipeline<R>, pass: Pass, parts: PipelineParts): MaybePromise<R> {
  pass.hasEnded = true;
  return pipeline.end(pass, parts);
}

function walkLater<R>(
  pending: Promise<void>,
  next: number,
  { pipeline, pass, parts }: { pipeline: Pipeline<R>; pass: Pass; parts: PipelineParts },
): Promise<R> {
  return pending
    .then(() => {
      pass.hasAwaited = true;
      return walkFrom(next, pipeline, pass, parts);
    })
    .catch((error: unknown) => fail(error, pipeline, pass, parts));
}

function fail<R>(error: unknown, pipeline: Pipeline<R>, pass: Pass, parts: PipelineParts): MaybePromise<R> {
  if (pass.hasEnded) throw error;
  refuseFailure(pass, parts, error);
  return end(pipeline, pass, parts);
}

/** With `onStateError: allow` a step whose store fails is passed over, loudly; what asks a person still does not run. */
export function survivingSteps({ ports, settings }: EngineParts, steps: readonly Step[]): readonly Step[] {
  if (settings.onStateError === "block") return steps;
  const passOver = (pass: Pass, error: unknown): void => {
    if (!isStateFailure(error)) throw error;
    pass.isUnknown = true;
    ports.logger.error("the state store failed during a decision; onStateError: allow", {
      error: error.message,
    });
  };
  return steps.map((step): Step => (pass, parts) => {
    try {
      const done = step(pass, parts);
      return isThenable(done) ? done.catch((error: unknown) => passOver(pass, error)) : done;
    } catch (error) {
      return passOver(pass, error);
    }
  });
}

function isStateFailure(error: unknown): error is AgentplaneError {
  return error instanceof AgentplaneError && error.code === "state_failed";
}

/** Whatever fails inside the engine blocks the call; the store's failures are told apart from our own. */
function refuseFailure(pass: Pass, { ports }: EngineParts, error: unknown): void {
  const isState = isStateFailure(error);
  ports.logger.error(
    isState ? "the state store failed during a decision" : "the engine failed during a decision",
    {
      hookpoint: pass.context.hookpoint,
      error: error instanceof Error ? `${error.name}: ${error.message}` : "not an error",
    },
  );
  pass.refusal = isState
    ? { cause: "state_error", reason: "the state store does not answer, so nothing may run" }
    : { cause: "engine_error", reason: "the policy engine failed on this call, so it is blocked" };
}
