import { CONTENT_MUTANTS } from "./reference/content-mutants.ts";
import { DENIAL_MUTANTS } from "./reference/denial-mutants.ts";
import { IDENTITY_MUTANTS } from "./reference/identity-mutants.ts";
import type { Mutant } from "./reference/mutant.ts";
import { PAUSE_MUTANTS } from "./reference/pause-mutants.ts";
import { SETTLEMENT_MUTANTS } from "./reference/settlement-mutants.ts";

/** Adapters with one deliberate mistake each: every requirement must be broken by one of them. */
export const MUTANTS: readonly Mutant[] = [
  ...DENIAL_MUTANTS,
  ...IDENTITY_MUTANTS,
  ...PAUSE_MUTANTS,
  ...CONTENT_MUTANTS,
  ...SETTLEMENT_MUTANTS,
];
