import { compileGlob } from "../base/glob.ts";

/** How a finding is replaced. */
export type Treatment = "drop" | "mask" | "hash" | "tokenise";

/** Strongest first. */
const STRENGTH: readonly Treatment[] = ["drop", "mask", "hash", "tokenise"];

/** What must be replaced, and how; a decision's `redact` obligations are of this shape. */
export interface RedactDuty {
  /** Member names: globs, at any depth, compared without case. */
  readonly fields: readonly string[];
  /** Names of detectors. */
  readonly detect: readonly string[];
  readonly treatment: Treatment;
}

/** All duties of one content, ready to ask. */
export interface RedactPlan {
  /** How the value of a member is replaced; undefined: it is not. */
  fieldTreatment(name: string): Treatment | undefined;
  readonly hasFields: boolean;
  /** The duties that scan text. */
  readonly scans: readonly RedactDuty[];
}

/** The stronger of two treatments: drop > mask > hash > tokenise. */
export function strongerOf(a: Treatment | undefined, b: Treatment | undefined): Treatment | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return STRENGTH.indexOf(a) <= STRENGTH.indexOf(b) ? a : b;
}

const plans = new WeakMap<RedactDuty, RedactPlan>();

/** Joins duties; each is compiled once, whoever asks. */
export function planOf(duties: readonly RedactDuty[]): RedactPlan {
  const first = duties[0];
  if (first === undefined) return NO_REDACTION;
  if (duties.length === 1) return planOfOne(first);
  const all = duties.map(planOfOne);
  return {
    fieldTreatment(name) {
      let strongest: Treatment | undefined;
      for (const plan of all) strongest = strongerOf(strongest, plan.fieldTreatment(name));
      return strongest;
    },
    hasFields: all.some(({ hasFields }) => hasFields),
    scans: all.flatMap(({ scans }) => scans),
  };
}

/** The plan of no duty. */
export const NO_REDACTION: RedactPlan = { fieldTreatment: () => undefined, hasFields: false, scans: [] };

function planOfOne(duty: RedactDuty): RedactPlan {
  let plan = plans.get(duty);
  if (plan === undefined) {
    const isField = compileFields(duty.fields);
    plan = {
      fieldTreatment: (name) => (isField(name) ? duty.treatment : undefined),
      hasFields: duty.fields.length > 0,
      scans: duty.detect.length > 0 ? [duty] : [],
    };
    plans.set(duty, plan);
  }
  return plan;
}

/** Results repeat their member names: the answers are remembered, up to a bound that hostile names cannot grow. */
const MAX_REMEMBERED = 1_000;
const MAX_REMEMBERED_CHARS = 64;

function compileFields(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const tests = patterns.map((pattern) => compileGlob(foldCase(pattern)));
  const isField = (name: string): boolean => {
    const folded = foldCase(name);
    return tests.some((test) => test(folded));
  };
  const remembered = new Map<string, boolean>();
  return (name) => {
    if (name.length > MAX_REMEMBERED_CHARS) return isField(name);
    let answer = remembered.get(name);
    if (answer === undefined) {
      answer = isField(name);
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(name, answer);
    }
    return answer;
  };
}

function foldCase(text: string): string {
  return text.toLowerCase().normalize("NFC");
}
