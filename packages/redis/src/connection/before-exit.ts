const parting = new Set<() => void>();

/**
 * Does something when this process (or worker) ends by itself: by `process.exit`, by an error that nobody caught, or with
 * nothing left to do. A signal that nobody listens to ends it without.
 * @param part Nothing it waits for happens any more, but what it writes to a socket at once is sent.
 * @returns Takes that back.
 */
export function beforeExit(part: () => void): () => void {
  // One listener, however many there are: Node.js warns of more than ten.
  if (parting.size === 0) process.on("exit", partAll);
  parting.add(part);
  return () => {
    parting.delete(part);
    if (parting.size === 0) process.off("exit", partAll);
  };
}

function partAll(): void {
  for (const part of parting) part();
}
