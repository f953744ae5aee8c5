/** Somebody who waits, perhaps in several lines at once. */
export interface Waiting {
  readonly names: readonly string[];
  /** How long the documents are, all together. */
  readonly length: number;
  isSent: boolean;
}

/** How much may go together: so many members, and so much that is written for them. */
export interface GroupBounds {
  readonly count: number;
  readonly length: number;
}

/**
 * Lines in which work waits, one per document, each in the order of arrival. Whoever waits in several entered them all at
 * once, so nobody waits in a circle: who came first of all is next everywhere.
 */
export class WaitingLines<W extends Waiting> {
  readonly #lines = new Map<string, W[]>();

  enter(one: W): void {
    for (const name of one.names) {
      const line = this.#lines.get(name);
      if (line === undefined) this.#lines.set(name, [one]);
      else line.push(one);
    }
  }

  /** @returns The lines in which somebody may be next now. */
  leave(members: readonly W[]): ReadonlySet<string> {
    const gone = new Set(members);
    const names = new Set(members.flatMap((member) => member.names));
    for (const name of names) {
      const line = this.#lines.get(name)?.filter((member) => !gone.has(member)) ?? [];
      if (line.length > 0) this.#lines.set(name, line);
      else this.#lines.delete(name);
    }
    return names;
  }

  /** Whether somebody waits there and nobody of it is sent. */
  isIdle(name: string): boolean {
    return this.#lines.get(name)?.[0]?.isSent === false;
  }

  /**
   * Whoever is next in all of its lines, with all who are next behind it in any of them.
   * @param from Where to look first.
   * @returns `isFull`: that others may be next too
   */
  gather(from: Iterable<string>, { count, length }: GroupBounds): { group: readonly W[]; isFull: boolean } {
    const group = new Set<W>();
    // What is added while they are gone through comes too.
    const names = new Set(from);
    const written = new Set<string>();
    let total = 0;
    for (const name of names) {
      for (const member of this.#lines.get(name) ?? []) {
        if (group.has(member)) continue;
        if (!this.#isNext(member, group)) break;
        // What those before it write is written once.
        if (!member.names.some((other) => written.has(other))) total += member.length;
        if (group.size === count || (group.size > 0 && total > length))
          return { group: [...group], isFull: true };
        group.add(member);
        for (const other of member.names) {
          written.add(other);
          names.add(other);
        }
      }
    }
    return { group: [...group], isFull: false };
  }

  /** Whether nobody is before it but those who go with it. */
  #isNext(member: W, group: ReadonlySet<W>): boolean {
    if (member.isSent) return false;
    return member.names.every((name) => {
      for (const before of this.#lines.get(name) ?? []) {
        if (before === member) return true;
        if (!group.has(before)) return false;
      }
      return true;
    });
  }
}
