import { isMarkedGuarded } from "./guarded-mark.ts";
import { hasPrivateMembers } from "./private-members.ts";

/** `initChatModel` gives a model that only chooses one when it is asked; createAgent looks behind it in the same way. */
export async function chosenModel(model: unknown): Promise<unknown> {
  if (typeof model !== "object" || model === null || !("_getModelInstance" in model)) return model;
  const { _getModelInstance: choose } = model;
  return typeof choose === "function" ? await Reflect.apply(choose, model, []) : model;
}

/** A model of the same class, with some members changed. */
export function copyOf(model: object, changed: object): object {
  const prototype: object | null = Object.getPrototypeOf(model);
  return Object.assign(Object.create(prototype), model, changed) as object;
}

/** Tells a chat model, also one inside another. */
export function isModel(value: unknown): value is object {
  return typeof value === "object" && value !== null && "_generate" in value;
}

/**
 * A copy lacks the private members of a class, on which its methods would fail; that of a guarded model would lack its
 * guard.
 */
export function isCopyable(model: unknown): model is object {
  return typeof model === "object" && model !== null && !isMarkedGuarded(model) && !hasPrivateMembers(model);
}
