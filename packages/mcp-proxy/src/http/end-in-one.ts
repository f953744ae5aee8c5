/** What writes a message of HTTP: a request of ours, or a response. */
interface Outgoing {
  end(body: string, encoding: "latin1"): unknown;
  end(body: Uint8Array): unknown;
}

/** A longer body is not worth copying. */
const MAX_COPIED = 16 * 1024;

/**
 * Ends a message with its body, of which the headers say how long it is. Node.js puts a text behind the head and writes both
 * in one piece, where bytes become a list of two, which costs more. In Latin-1 each byte is one letter: the very bytes leave.
 */
export function endInOne(message: Outgoing, body: Uint8Array): void {
  if (body.length > MAX_COPIED) message.end(body);
  else message.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
}
