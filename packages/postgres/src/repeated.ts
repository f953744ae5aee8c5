import { ServerFailure } from "./server-failure.ts";

const MAX_ATTEMPTS = 5;

/** Does work on the server once more where it was undone whole: a deadlock, a serialization failure, a failover. */
export async function repeated<R>(work: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- a repetition, after what it repeats has failed
      return await work();
    } catch (error) {
      if (!(error instanceof ServerFailure) || error.kind !== "again" || attempt === MAX_ATTEMPTS)
        throw error;
    }
  }
}
