import { policyErrorOf } from "../decision/policy-error.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import type { GuardCore } from "./guard-core.ts";
import { misread } from "./read-once.ts";

type SourceRun<Chunk> = (admitted: Admission) => AsyncIterable<Chunk> | Promise<AsyncIterable<Chunk>>;

/** Waits for the provider's answer unless the call is cut; a stream that comes later is closed unread. */
export async function openSource<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  { run, cut }: { readonly run: SourceRun<Chunk>; readonly cut: Promise<"cut"> },
): Promise<AsyncIterable<Chunk>> {
  if (admission.cutBy !== undefined) throw cutError(admission);
  requireOuter(core, admission);
  const opening = core.scope.run(admission.carried, async () => run(admission));
  const opened = await Promise.race([opening, cut]);
  if (opened !== "cut") return opened;
  opening
    .then((late) => closeAside(core, admission, () => late[Symbol.asyncIterator]()))
    .catch(() => undefined);
  throw cutError(admission);
}

/** What joined the call around it is judged and recorded there: after that it would run for nobody. */
function requireOuter({ live }: GuardCore, { isJoined, decision }: LiveAdmission): void {
  if (isJoined && live.get(decision.id) === undefined) throw misread();
}

/** The error of a call that was cut; undefined while it may go on. */
export function cutErrorOf({ cutBy }: LiveAdmission): Error | undefined {
  return cutBy && policyErrorOf(cutBy);
}

function cutError(admission: LiveAdmission): Error {
  return cutErrorOf(admission) ?? new Error("the call was cut by an operator");
}

/** Gives the source's chunks until the call is cut; then the source is closed and the cut's error thrown. */
export async function* untilCut<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  { source, cut }: { readonly source: AsyncIterable<Chunk>; readonly cut: Promise<"cut"> },
): AsyncGenerator<Chunk> {
  const { carried } = admission;
  // Opened, read and closed inside the call: a source may make calls of its own in each.
  const iterator = core.scope.run(carried, () => source[Symbol.asyncIterator]());
  let isOpen = true;
  try {
    for (;;) {
      requireOuter(core, admission);
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one chunk after the other
      const next = await Promise.race([core.scope.run(carried, () => iterator.next()), cut]);
      // A source that is always ready would win every race: what counts is whether the call was cut.
      if (next === "cut" || admission.cutBy !== undefined) throw cutError(admission);
      if (next.done === true) {
        isOpen = false;
        return;
      }
      yield next.value;
    }
  } finally {
    if (isOpen) closeAside(core, admission, () => iterator);
  }
}

/** Not awaited: a provider that hangs, or fails at being closed, must not keep a cut stream open. */
export function closeAside<Chunk>(
  core: GuardCore,
  { carried }: LiveAdmission,
  iterator: () => AsyncIterator<Chunk>,
): void {
  core.scope.run(carried, async () => iterator().return?.()).catch(() => undefined);
}
