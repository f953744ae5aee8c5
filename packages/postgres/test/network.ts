import { connect, createServer, type Socket } from "node:net";

/** The way between clients and a server on the loopback interface, on which a test loses what it wants lost. */
export interface Network {
  readonly port: number;
  /** From now on requests arrive and answers do not, over the connections there are. */
  loseAnswers(): void;
  /** From now on nothing arrives, over any connection, and nobody is told: a cable that was pulled. */
  swallow(): void;
  /** From now on requests over the connections there are wait on the way; new connections are whole. */
  holdRequests(): void;
  /** Lets them arrive, and their answers get lost. */
  deliver(): void;
  /** Breaks the connections there are for their clients; what is held up of them may still arrive. New ones are whole. */
  hangUp(): void;
  /** Breaks every connection; new ones are whole. */
  cut(): void;
  /** As after `swallow`, but for connections made from now on. */
  heal(): void;
  close(): void;
}

/** How what is sent over a connection fares. */
interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  losesAnswers: boolean;
  losesRequests: boolean;
  /** Requests on the way; undefined where none is held up. */
  held: Buffer[] | undefined;
}

/** Opens a way to a server. */
export async function openNetwork(serverPort: number): Promise<Network> {
  const links = new Set<Link>();
  let isSwallowing = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    const link: Link = {
      client,
      upstream,
      losesAnswers: isSwallowing,
      losesRequests: isSwallowing,
      held: undefined,
    };
    links.add(link);
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
    client.on("data", (data) => {
      if (link.losesRequests) return;
      if (link.held === undefined) upstream.write(data);
      else link.held.push(data);
    });
    upstream.on("data", (data) => {
      if (!link.losesAnswers) client.write(data);
    });
    client.on("close", () => {
      // A pulled cable tells the server nothing, and what is held up arrives later.
      if (link.held === undefined && !link.losesRequests) upstream.destroy();
    });
    upstream.on("close", () => {
      links.delete(link);
      if (!link.losesAnswers) client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const each = (work: (link: Link) => void) => (): void => {
    for (const link of links) work(link);
  };
  const cut = each(({ client, upstream }) => {
    client.destroy();
    upstream.destroy();
  });
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    loseAnswers: each((link) => {
      link.losesAnswers = true;
    }),
    swallow() {
      isSwallowing = true;
      each((link) => {
        link.losesAnswers = true;
        link.losesRequests = true;
      })();
    },
    holdRequests: each((link) => {
      link.held = [];
    }),
    deliver: each((link) => {
      const { held = [], upstream } = link;
      link.losesAnswers = true;
      for (const data of held) upstream.write(data);
    }),
    hangUp: each(({ client }) => client.destroy()),
    cut,
    heal() {
      isSwallowing = false;
    },
    close() {
      cut();
      server.close();
    },
  };
}
