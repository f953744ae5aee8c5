import type { Usage } from "../base/model-costs.ts";

/** The text of a chunk. */
export interface ChunkText {
  /** What it continues: text, reasoning, one tool call's arguments. */
  readonly part: string;
  readonly text: string;
  /** The chunk is its part from beginning to end, such as a finished tool call. Default false. */
  readonly isWhole?: boolean;
}

/** How core reads and writes the text inside a framework's chunks. */
export interface StreamCodec<Chunk> {
  /** @returns The text a chunk carries, undefined for one without. */
  read(chunk: Chunk): ChunkText | undefined;
  /** @returns The same chunk with other text; ids, usage and metadata kept. */
  write(chunk: Chunk, text: string): Chunk;
  /** The part that a chunk ends, `all` for the end of the message: its held text leaves before it. */
  ends?(chunk: Chunk): string | undefined;
  /** Tokens reported by a chunk; the last report wins. */
  usage?(chunk: Chunk): Usage | undefined;
  /**
   * The chunk without what repeats other chunks in a form that cannot be redacted, such as the provider's raw events or
   * its tokens one by one. Asked wherever something looks at the stream.
   * @returns undefined where nothing is left of it. Default: the chunk as it is.
   */
  withoutEcho?(chunk: Chunk): Chunk | undefined;
}
