import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, and loses what a test wants lost. */
export interface CuttingProxy {
  readonly url: string;
  /** From now on requests arrive and answers do not. */
  loseAnswers(): void;
  /** From now on requests over the connections there are do not arrive; new connections are whole. */
  holdRequests(): void;
  /** Lets them arrive, long after those who sent them have hung up. */
  deliver(): void;
  /** Breaks every connection to a client; what it sent over it still arrives. */
  hangUp(): void;
  /** Breaks every connection; new ones are whole again. */
  cut(): void;
  close(): void;
}

/** Opens a proxy on the loopback interface for a server there. */
export async function openProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  /** What is held back, by the connection to the server that it belongs to. */
  const held = new Map<Socket, Buffer[]>();
  const upstreams = new Set<Socket>();
  const clients = new Set<Socket>();
  let isLosing = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        if (!held.has(upstream)) upstream.destroy();
      });
    }
    client.on("data", (data) => {
      const waiting = held.get(upstream);
      if (waiting === undefined) upstream.write(data);
      else waiting.push(data);
    });
    clients.add(client);
    client.on("close", () => clients.delete(client));
    upstreams.add(upstream);
    upstream.on("close", () => upstreams.delete(upstream));
    upstream.on("data", (data) => {
      if (!isLosing) client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const cut = (): void => {
    isLosing = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    loseAnswers: () => {
      isLosing = true;
    },
    holdRequests: () => {
      for (const upstream of upstreams) held.set(upstream, []);
    },
    deliver: () => {
      for (const [upstream, waiting] of held) for (const data of waiting) upstream.write(data);
    },
    hangUp: () => {
      for (const client of clients) client.destroy();
    },
    cut,
    close: () => {
      cut();
      for (const upstream of held.keys()) upstream.destroy();
      server.close();
    },
  };
}
