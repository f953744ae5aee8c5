import { AgentRun } from "./agent-run.ts";
import { agentContext } from "../call/context.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";

/** For whom runs are begun. */
export interface RunSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly providerOptions: Readonly<Record<string, unknown>> | undefined;
}

/** What the SDK shows of a run before each step: both lists are the very same ones through the run. */
export interface ShownStep {
  readonly stepNumber: number;
  readonly steps: object;
  readonly initialMessages: object;
}

/** The run that a step belongs to; the first step begins one, unless an answered approval has. */
export function runOfStep(
  settings: RunSettings,
  { stepNumber, steps, initialMessages }: ShownStep,
): AgentRun {
  const known = runsOf(settings.plane);
  const before = known.get(steps);
  if (before !== undefined) return before;
  const answered = answeredOf(settings);
  const run = (stepNumber === 0 ? answered.get(initialMessages) : undefined) ?? newRun(settings);
  // The next run may begin with the same messages.
  answered.delete(initialMessages);
  known.set(steps, run);
  forgotten.register(steps, run);
  return run;
}

/** The run that goes on with an answered approval: the SDK then runs tools before the first step. */
export function runOfAnswer(settings: RunSettings, messages: object): AgentRun {
  const answered = answeredOf(settings);
  const known = answered.get(messages);
  if (known !== undefined) return known;
  const run = newRun(settings);
  answered.set(messages, run);
  forgotten.register(messages, run);
  return run;
}

/** The run of an answered approval that has not come to its first step, if there is one. */
export function runBeforeSteps(settings: RunSettings, messages: object): AgentRun | undefined {
  return answeredOf(settings).get(messages);
}

/** The run of these steps, if there is one. */
export function runBySteps(plane: GovernedPlane, steps: unknown): AgentRun | undefined {
  return typeof steps === "object" && steps !== null ? runsOf(plane).get(steps) : undefined;
}

const byPlane = new WeakMap<GovernedPlane, WeakMap<object, AgentRun>>();

function runsOf(plane: GovernedPlane): WeakMap<object, AgentRun> {
  const known = byPlane.get(plane) ?? new WeakMap<object, AgentRun>();
  byPlane.set(plane, known);
  return known;
}

/** By the settings too: messages are the application's, which may give them to two agents. */
const bySettings = new WeakMap<RunSettings, WeakMap<object, AgentRun>>();

function answeredOf(settings: RunSettings): WeakMap<object, AgentRun> {
  const known = bySettings.get(settings) ?? new WeakMap<object, AgentRun>();
  bySettings.set(settings, known);
  return known;
}

function newRun({ plane, identity, providerOptions }: RunSettings): AgentRun {
  return new AgentRun(plane, agentContext(identity, providerOptions));
}

/** Ends a run whose end nobody told once the SDK has let go of it: its admission would be renewed for ever. */
const forgotten = new FinalizationRegistry<AgentRun>(
  (run) => void run.fail(new Error("nobody told how the run ended")).catch(() => undefined),
);
