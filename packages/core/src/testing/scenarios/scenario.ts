import type { AdapterDriver, Capability } from "../adapter-driver.ts";
import type { RequirementId } from "../requirements.ts";

/** How one requirement is put to the proof. */
export interface Scenario {
  readonly id: RequirementId;
  /** What the framework must be able to do for the requirement to concern it. */
  readonly needs: readonly Capability[];
  /** Plays scripts with a fresh driver. Rejects with what the adapter did wrong. */
  run(driver: AdapterDriver): Promise<void>;
}

/** Declares a scenario. */
export function scenario(id: RequirementId, needs: readonly Capability[], run: Scenario["run"]): Scenario {
  return { id, needs, run };
}
