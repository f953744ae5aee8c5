import type { RequirementId } from "../requirements.ts";
import type { ReferenceSeams } from "./seams.ts";

/** A mistake that an adapter could make, and the requirements that must catch it. */
export interface Mutant {
  readonly name: string;
  /** What it does wrong, in one sentence. */
  readonly mistake: string;
  readonly breaks: readonly RequirementId[];
  /** The seams with the mistake, fresh for each driver. */
  create(): Partial<ReferenceSeams>;
}
