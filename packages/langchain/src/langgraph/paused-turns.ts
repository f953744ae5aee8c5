/** Turns that wait for a human and may never go on: beyond this many the oldest is forgotten. */
const MAX_PAUSED = 10_000;

/** What a paused turn had come to, by the ids of its calls. */
export interface PausedTurn<O> {
  readonly outputs: ReadonlyMap<string, O>;
  /** Calls that were interrupted from inside. */
  readonly begun: ReadonlySet<string>;
}

/** Keeps what calls of a turn gave while another one waits, so that going on does not run them again. */
export interface PausedTurns<O> {
  keep(task: string | undefined, turn: PausedTurn<O>): void;
  take(task: string | undefined): PausedTurn<O> | undefined;
}

/** Keeps them in memory; after a restart the plane still knows what ran, and runs it no second time. */
export function createPausedTurns<O>(): PausedTurns<O> {
  const turns = new Map<string, PausedTurn<O>>();
  return {
    keep(task, turn) {
      if (task === undefined) return;
      turns.delete(task);
      turns.set(task, turn);
      const [oldest] = turns.keys();
      if (turns.size > MAX_PAUSED && oldest !== undefined) turns.delete(oldest);
    },
    take(task) {
      if (task === undefined) return undefined;
      const turn = turns.get(task);
      turns.delete(task);
      return turn;
    },
  };
}
