import { canonicalJson } from "../base/canonical-json.ts";
import type { JsonValue } from "../base/json.ts";
import type { Seal } from "../base/seal.ts";
import { checkAct, invalid, type Approval, type ApprovalAct } from "./approval-machine.ts";

/** Full inputs for approvers to read: stored encrypted, each for its own request, and only until that is answered. */
export class SealedInputs {
  readonly #seal: Seal | undefined;

  constructor(seal: Seal | undefined) {
    this.#seal = seal;
  }

  /** @param input Undefined where the policies that ask do not show it. */
  addTo(approval: Approval, input: JsonValue | undefined): Approval {
    if (input === undefined || this.#seal === undefined || approval.status !== "pending") return approval;
    return { ...approval, sealedInput: this.#seal.seal(canonicalJson(input), approval.id) };
  }

  /** @throws AgentplaneError `approval_invalid` for who may not answer, and where there is nothing that opens */
  open(approval: Approval, act: ApprovalAct, nowMs: number): JsonValue {
    checkAct(approval, act, nowMs);
    const { id, sealedInput } = approval;
    if (sealedInput === undefined)
      throw invalid(id, "shows no input: not all policies that ask set showInput");
    if (this.#seal === undefined)
      throw invalid(id, "cannot show its input here: pass approvals: { seal } to createAgentPlane");
    try {
      // What was sealed is the canonical text of a JSON value.
      return JSON.parse(this.#seal.open(sealedInput, id)) as JsonValue;
    } catch (cause) {
      throw invalid(id, "cannot show its input: it was changed, or sealed with another key", cause);
    }
  }
}
