import type { Dialect, ModelFacts } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { TYPED_EVENTS } from "./responses.ts";
import { readUsage } from "./usage.ts";

/** An API whose answer is no text that rules could look at, or hardly any. */
function plainDialect(
  promptMember: string,
  read?: Pick<Dialect, "readAnswer" | "writeAnswer" | "stream">,
): Dialect {
  return {
    describe: (request): ModelFacts => ({
      name: textOf(request["model"]) ?? "unknown",
      messages: request[promptMember] ?? [],
      // Nothing is written token by token: only what is sent can cost tokens.
      maxOutputTokens: 0,
    }),
    withMessages: (request, prompt) => ({ ...request, [promptMember]: prompt }),
    readAnswer: read?.readAnswer ?? (() => null),
    writeAnswer: read?.writeAnswer ?? ((answer) => answer),
    usageOf: ({ usage }) => readUsage(usage) ?? {},
    ...(read?.stream !== undefined && { stream: read.stream }),
  };
}

/** `POST …/embeddings`: vectors. */
export const EMBEDDINGS: Dialect = plainDialect("input");

/** `POST …/moderations`: categories. */
export const MODERATIONS: Dialect = plainDialect("input");

/** `POST …/audio/speech`: sound. */
export const SPEECH: Dialect = plainDialect("input");

/** `POST …/images/…`: pictures, and the prompt as the model changed it. */
export const IMAGES: Dialect = plainDialect("prompt", {
  readAnswer: ({ data }) => listOf(data).map((image) => recordOf(image)?.["revised_prompt"] ?? null),
  writeAnswer: (answer, prompts) => ({ ...answer, data: withPrompts(answer, listOf(prompts)) }),
  stream: TYPED_EVENTS,
});

/** `POST …/audio/transcriptions` and `…/translations`: what was said. */
export const TRANSCRIPTIONS: Dialect = plainDialect("prompt", {
  readAnswer: (answer) => answer,
  // What rules left of an object is an object.
  writeAnswer: (_answer, content) => recordOf(content) ?? {},
  stream: TYPED_EVENTS,
});

function withPrompts({ data }: JsonRecord, prompts: readonly unknown[]): readonly unknown[] {
  return listOf(data).map((image, at) => {
    const prompt = prompts[at];
    return typeof prompt === "string" ? { ...recordOf(image), revised_prompt: prompt } : image;
  });
}
