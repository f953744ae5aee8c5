import type { Dialect, ModelFacts } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { promptOf, withPrompt, type PromptMembers } from "./prompt-members.ts";
import { TYPED_EVENTS } from "./responses.ts";
import { readUsage } from "./usage.ts";

const INPUT: PromptMembers = { main: "input", others: [] };

/** An API whose answer is no text that rules could look at, or hardly any. */
function plainDialect(
  prompt: PromptMembers,
  read?: Pick<Dialect, "readAnswer" | "writeAnswer" | "stream">,
): Dialect {
  return {
    describe: (request): ModelFacts => ({
      name: textOf(request["model"]) ?? "unknown",
      messages: promptOf(request, prompt),
      // Nothing is written token by token: only what is sent can cost tokens.
      maxOutputTokens: 0,
    }),
    withMessages: (request, next) => withPrompt(request, prompt, next),
    readAnswer: read?.readAnswer ?? (() => null),
    writeAnswer: read?.writeAnswer ?? ((answer) => answer),
    usageOf: ({ usage }) => readUsage(usage) ?? {},
    ...(read?.stream !== undefined && { stream: read.stream }),
  };
}

/** `POST …/embeddings`: vectors. */
export const EMBEDDINGS: Dialect = plainDialect(INPUT);

/** `POST …/moderations`: categories. */
export const MODERATIONS: Dialect = plainDialect(INPUT);

/** `POST …/audio/speech`: sound. */
export const SPEECH: Dialect = {
  ...plainDialect({ main: "input", others: ["instructions"] }),
  answersInMedia: true,
};

/** `POST …/images/…`: pictures, and the prompt as the model changed it. */
export const IMAGES: Dialect = {
  ...plainDialect(
    { main: "prompt", others: ["negative_prompt"] },
    {
      readAnswer: ({ data }) => listOf(data).map((image) => recordOf(image)?.["revised_prompt"] ?? null),
      writeAnswer: (answer, prompts) => ({ ...answer, data: withPrompts(answer, listOf(prompts)) }),
      stream: TYPED_EVENTS,
    },
  ),
  answersInMedia: true,
};

/** `POST …/audio/transcriptions` and `…/translations`: what was said. */
export const TRANSCRIPTIONS: Dialect = plainDialect(
  { main: "prompt", others: [] },
  {
    readAnswer: (answer) => answer,
    writeAnswer: (_answer, content) => withoutSpelling(recordOf(content) ?? {}),
    stream: TYPED_EVENTS,
  },
);

/** Word by word, or cut into segments, nobody would find what was replaced in the text. */
function withoutSpelling(answer: JsonRecord): JsonRecord {
  const spelling = ["words", "segments"].filter((member) => Array.isArray(answer[member]));
  return { ...answer, ...Object.fromEntries(spelling.map((member) => [member, []])) };
}

function withPrompts({ data }: JsonRecord, prompts: readonly unknown[]): readonly unknown[] {
  return listOf(data).map((image, at) => {
    const prompt = prompts[at];
    return typeof prompt === "string" ? { ...recordOf(image), revised_prompt: prompt } : image;
  });
}
