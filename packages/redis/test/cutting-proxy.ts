import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, and loses what a test wants lost. */
export interface CuttingProxy {
  readonly url: string;
  /** From now on requests arrive and answers do not. */
  loseAnswers(): void;
  /** Breaks every connection; new ones are whole again. */
  cut(): void;
  close(): void;
}

/** Opens a proxy on the loopback interface for a server there. */
export async function openProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let isLosing = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (data) => upstream.write(data));
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
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}
