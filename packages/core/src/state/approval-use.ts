import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { DocumentStore, UpdateOptions } from "../store/state-store.ts";
import { consumed, givenBack, type Approval } from "./approval-machine.ts";

/**
 * Uses up the approval under a key; of many at once, exactly one does.
 * @returns The approval as used up; undefined where this use has not got it.
 */
export function useUp(
  documents: DocumentStore,
  key: string,
  {
    nowMs,
    usedBy,
    ttlMs,
  }: Required<UpdateOptions> & { readonly nowMs: number; readonly usedBy: string | undefined },
): MaybePromise<Approval | undefined> {
  let isMine = false;
  const change = (old: Approval | undefined): Approval | undefined => {
    const next = consumed(old, nowMs, usedBy);
    isMine = next !== undefined;
    return next ?? old;
  };
  return andThen(documents.update<Approval>(key, change, { ttlMs }), (approval) =>
    isMine ? approval : undefined,
  );
}

/**
 * Makes an approval usable again that a use has used up.
 * @returns The approval as it may be used again; undefined where that use does not have it.
 */
export function giveBackUsed(
  documents: DocumentStore,
  key: string,
  { by, ttlMs }: Required<UpdateOptions> & { readonly by: string },
): MaybePromise<Approval | undefined> {
  let isMine = false;
  const change = (old: Approval | undefined): Approval | undefined => {
    const next = givenBack(old, by);
    isMine = next !== old;
    return next;
  };
  return andThen(documents.update<Approval>(key, change, { ttlMs }), (approval) =>
    isMine ? approval : undefined,
  );
}
