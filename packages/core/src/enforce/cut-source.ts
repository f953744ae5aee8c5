import { policyErrorOf } from "../decision/policy-error.ts";
import type { Admission, LiveAdmission } from "./admission.ts";
import { carriedOf } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";

type SourceRun<Chunk> = (admitted: Admission) => AsyncIterable<Chunk> | Promise<AsyncIterable<Chunk>>;

/** Waits for the provider's answer unless the call is cut; a stream that comes later is closed unread. */
export async function openSource<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  { run, cut }: { readonly run: SourceRun<Chunk>; readonly cut: Promise<"cut"> },
): Promise<AsyncIterable<Chunk>> {
  const opening = core.scope.run(carriedOf(admission), async () => run(admission));
  const opened = await Promise.race([opening, cut]);
  if (opened !== "cut") return opened;
  void opening.then((late) => late[Symbol.asyncIterator]().return?.()).catch(() => undefined);
  throw cutError(admission);
}

function cutError({ cutBy }: LiveAdmission): Error {
  return cutBy === undefined ? new Error("the call was cut by an operator") : policyErrorOf(cutBy);
}

/** Gives the source's chunks until the call is cut; then the source is closed and the cut's error thrown. */
export async function* untilCut<Chunk>(
  source: AsyncIterable<Chunk>,
  admission: LiveAdmission,
  cut: Promise<"cut">,
): AsyncGenerator<Chunk> {
  const iterator = source[Symbol.asyncIterator]();
  let isOpen = true;
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one chunk after the other
      const next = await Promise.race([iterator.next(), cut]);
      // A source that is always ready would win every race: what counts is whether the call was cut.
      if (next === "cut" || admission.cutBy !== undefined) throw cutError(admission);
      if (next.done === true) {
        isOpen = false;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a provider that hangs must not keep a cut stream open.
    if (isOpen) void iterator.return?.()?.catch(() => undefined);
  }
}
