import type { Agent, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/**
 * How long an idle connection is kept, in ms. Many servers close them after five seconds without having said so, and what is
 * sent just then is lost; the HTTP client of Node.js itself keeps them as long (undici@8, `keepAliveTimeout`).
 */
const IDLE_MS = 4_000;

/** Only with a timeout of its own does an agent heed what a server says of how long it keeps connections. */
export const KEEPING = {
  keepAlive: true,
  noDelay: true,
  maxSockets: Infinity,
  timeout: IDLE_MS,
} as const;

/**
 * The connections of an agent that nobody uses. A timer ends them, but where the process or the machine stood still, what
 * came meanwhile is heard before timers are: a request would take a connection that the server has given up long ago.
 */
export class IdleConnections {
  readonly #agent: Agent;
  readonly #sinceMs = new WeakMap<Duplex, number>();

  constructor(agent: Agent) {
    this.#agent = agent;
    const keep = agent.keepSocketAlive.bind(agent);
    agent.keepSocketAlive = (socket) => {
      this.#sinceMs.set(socket, performance.now());
      return keep(socket);
    };
  }

  /** Ends those whose time is over. The agent takes none that is destroyed. */
  endOverdue(): void {
    const nowMs = performance.now();
    for (const name in this.#agent.freeSockets)
      for (const socket of this.#agent.freeSockets[name] ?? []) {
        // The longest idle is first.
        if (nowMs - (this.#sinceMs.get(socket) ?? nowMs) < (socket.timeout ?? IDLE_MS)) break;
        socket.destroy();
      }
  }
}

/** How long a server keeps idle connections, as a parameter of any place in `Keep-Alive` (RFC 2068, section 19.7.1). */
const KEPT = /(?:^|[,;\s])timeout\s*=\s*"?(\d+)/i;

/** Says it as an agent reads it, which finds it only where it stands first: `max=5, timeout=2` would be nothing to it. */
export function sayHowLong({ headers }: IncomingMessage): void {
  const [, kept] = KEPT.exec(String(headers["keep-alive"] ?? "")) ?? [];
  if (kept !== undefined) headers["keep-alive"] = `timeout=${kept}`;
}
