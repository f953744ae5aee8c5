import type { JsonValue } from "../base/json.ts";
import type { Approval } from "./approval-machine.ts";

const MAX_INPUTS = 1_000;

/** Inputs that approvers wrote instead: they stay in the process that took them, for what is stored holds no full input. */
export class EditedInputs {
  readonly #inputs = new Map<string, JsonValue>();

  /** @param approval As edited: bound to this input. */
  keep(approval: Approval, input: JsonValue): void {
    this.#inputs.set(keyOf(approval), input);
    const [oldest] = this.#inputs.keys();
    if (this.#inputs.size > MAX_INPUTS && oldest !== undefined) this.#inputs.delete(oldest);
  }

  forget(approval: Approval): void {
    this.#inputs.delete(keyOf(approval));
  }

  /** The approval with the input it was edited to, where that is known. */
  addTo(approval: Approval): Approval {
    const editedInput = this.#inputs.get(keyOf(approval));
    return editedInput === undefined ? approval : { ...approval, editedInput };
  }
}

/** By input too: an edit that came too late must not lend its input to another's answer. */
function keyOf({ id, binding }: Approval): string {
  return `${id}:${binding.inputHmac}`;
}
