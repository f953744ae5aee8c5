import type { LanguageModel, ToolExecutionOptions } from "ai";

import { AgentRun } from "./run/agent-run.ts";
import { agentContext } from "./call/context.ts";
import type { RunOfAnswers } from "./approval/guard-approval.ts";
import { guardedModel, type ModelOptions } from "./model/guard-model.ts";
import { markGuarded, unguarded } from "./call/guarded-mark.ts";
import {
  runBeforeSteps,
  runBySteps,
  runOfAnswer,
  runOfStep,
  type RunSettings,
  type ShownStep,
} from "./run/known-runs.ts";
import type { ModelSettings } from "./model/model-call.ts";
import type { GovernedPlane } from "./call/plane.ts";
import { createRetriedCalls, type Attempt } from "./run/retried-calls.ts";

/** The settings of a model whose calls are steps of a run; of undefined, where each call is a run of its own. */
export type SettingsOfRun = (run: AgentRun | undefined) => ModelSettings;

/** Prepares them. */
export function modelSettings(
  { plane, identity, providerOptions }: RunSettings,
  {
    onDenied = "auto",
    maxRetries,
    tools = {},
  }: { readonly [Name in keyof ModelOptions]: ModelOptions[Name] | undefined },
): SettingsOfRun {
  return (run) => ({
    plane,
    identity,
    onDenied,
    tools,
    ofRun: { providerOptions },
    retries: createRetriedCalls({ plane, identity, maxRetries }),
    runOf: ({ memory }: Attempt) =>
      run ?? (memory.run ??= new AgentRun(plane, agentContext(identity, providerOptions), true)),
  });
}

// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's functions are invariant in the tools and the context
type AppFunction = (given: any) => unknown;

/**
 * The application's `prepareStep` with the model of each step behind the plane, as a step of its run. An application
 * that sets another one beside `govern` loses that: each of its model calls is then a run of its own.
 */
export function stepsOfRuns(
  runs: RunSettings,
  given: AppFunction | undefined,
  settingsOf: SettingsOfRun,
): AppFunction {
  const { plane } = runs;
  // What is prepared again for a call is of one run, which is begun once.
  const own = given && ownOf(given, plane);
  const prepareStep = async (step: ShownStep & { readonly model: LanguageModel }): Promise<object> => {
    const run = runOfStep(runs, step);
    try {
      const prepared: unknown = await own?.(step);
      const changed: { readonly model?: LanguageModel } = isObject(prepared) ? prepared : {};
      return { ...changed, model: guardedModel(changed.model ?? step.model, settingsOf(run)) };
    } catch (error) {
      await run.fail(error);
      throw error;
    }
  };
  return markGuarded(prepareStep, { plane, original: own ?? NOTHING });
}

/** Begins runs that go on with answered approvals. */
export function answersOfRuns(runs: RunSettings): RunOfAnswers {
  return {
    begin: (messages) => runOfAnswer(runs, messages).begin(messages),
    fail: async (messages, error) => runBeforeSteps(runs, messages)?.fail(error),
  };
}

/** Tools that were approved run before the first step: they alone know then how the caller gives up. */
export function onCallOfRuns(runs: RunSettings): (options: ToolExecutionOptions<unknown>) => void {
  return ({ messages, abortSignal }) => {
    if (abortSignal !== undefined) runBeforeSteps(runs, messages)?.watch(abortSignal);
  };
}

/**
 * The application's callback, and after it the end of the run. Named as the SDK's older name of `onEnd` where it has
 * none: what an application sets beside `govern` comes first, and none of its callbacks is lost.
 */
export function endOfRuns(plane: GovernedPlane, { onEnd, onFinish }: AppCallbacks): AppCallbacks {
  const given = onEnd ?? onFinish;
  const own = given && ownOf(given, plane);
  const end = async (event: unknown): Promise<void> => {
    try {
      await own?.(event);
    } finally {
      // It waits for a human or the application, or a condition stopped it: there is no answer to judge.
      await runBySteps(plane, isObject(event) && "steps" in event ? event.steps : undefined)?.end(null);
    }
  };
  const ending = markGuarded(end, { plane, original: own ?? NOTHING });
  return onEnd === undefined ? { onFinish: ending } : { onEnd: ending };
}

interface AppCallbacks {
  readonly onEnd?: AppFunction | undefined;
  readonly onFinish?: AppFunction | undefined;
}

/** Stands for a function that the application has not given. */
const NOTHING = (): undefined => undefined;

function ownOf<Own extends (given: never) => unknown>(given: Own, plane: GovernedPlane): Own | undefined {
  const own = unguarded(given, plane);
  return own === (NOTHING as unknown) ? undefined : own;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
