import { PolicyError } from "@agentplane/core";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";

import { endingParts, type DenialForm } from "./model-denial.ts";

type Part = LanguageModelV4StreamPart;

/** A judged stream on its way to the SDK. */
export interface GovernedParts {
  readonly parts: AsyncIterator<Part>;
  /** The first part, which was asked for to open the stream. */
  readonly first: Promise<IteratorResult<Part>>;
  /** How it ends when an operator cuts it, or a rule withholds the rest. */
  readonly form: DenialForm;
  /** Ends the provider's stream at once: a reading that waits then ends as well. */
  stopSource(reason: unknown): void;
}

/**
 * The stream as the SDK reads it. A denial in the middle ends it with parts of the protocol: an exception would break
 * whoever iterates it, and the usage would be lost.
 */
export function toReadableStream({ parts, first, form, stopSource }: GovernedParts): ReadableStream<Part> {
  const open = new OpenParts();
  let next: Promise<IteratorResult<Part>> | undefined = first;
  return new ReadableStream<Part>({
    async pull(controller) {
      try {
        const { done, value } = await (next ?? parts.next());
        next = undefined;
        if (done === true) return controller.close();
        open.note(value);
        controller.enqueue(value);
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        const { message, decision } = error;
        for (const part of [...open.closing(), ...endingParts({ message, decision, error }, form)])
          controller.enqueue(part);
        controller.close();
      }
    },
    async cancel(reason) {
      stopSource(reason);
      // Settles what was produced so far.
      await parts.return?.();
    },
  });
}

const ENDS = {
  "text-start": "text-end",
  "reasoning-start": "reasoning-end",
  "tool-input-start": "tool-input-end",
} as const;

/** The parts that have begun and not ended: the protocol wants each closed. */
class OpenParts {
  readonly #open = new Map<string, Part>();

  note(part: Part): void {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
      case "tool-input-start":
        this.#open.set(`${ENDS[part.type]} ${part.id}`, { type: ENDS[part.type], id: part.id });
        return;
      case "text-end":
      case "reasoning-end":
      case "tool-input-end":
        this.#open.delete(`${part.type} ${part.id}`);
        return;
      default:
    }
  }

  closing(): readonly Part[] {
    return [...this.#open.values()];
  }
}

/** A stream of a provider that can be stopped while a reading waits. */
export interface StoppableParts extends AsyncIterable<Part> {
  stop(reason: unknown): void;
}

/** Reads a provider's stream; its own errors are thrown as they are. */
export function readParts(stream: ReadableStream<Part>): StoppableParts {
  const reader = stream.getReader();
  const stop = (reason: unknown): void => {
    // A provider that fails at being cancelled has nothing more to say.
    reader.cancel(reason).catch(() => undefined);
  };
  return {
    stop,
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<Part>> {
        const { done, value } = await reader.read();
        return done ? { done: true, value: undefined } : { done: false, value };
      },
      async return(): Promise<IteratorResult<Part>> {
        stop(undefined);
        return { done: true, value: undefined };
      },
    }),
  };
}
