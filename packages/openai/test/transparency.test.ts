import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { bareClient, collected, governedClient, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatEvents, chatReply, responsesBody, responsesEvents, type Call } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const pieces = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 6,
});
const calls: fc.Arbitrary<Call[]> = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^call_[a-z0-9]{4}$/),
    name: fc.constantFrom("find", "refund", "send"),
    input: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,5}$/),
      fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    ),
  }),
  { maxLength: 3, selector: ({ id }) => id },
);

test("whatever a provider says, under a plane that allows it reads as without one", async () => {
  await fc.assert(
    fc.asyncProperty(
      pieces,
      calls,
      fc.boolean(),
      fc.boolean(),
      async (texts, proposed, isChat, isStreamed) => {
        const text = texts.join("");
        const whole = isChat ? chatReply(text, proposed) : { json: responsesBody(text, proposed) };
        const stream = isChat ? chatEvents(texts, proposed) : responsesEvents(texts, proposed);
        provider.reset(isStreamed ? { stream } : whole);
        const { client, plane } = governedClient(provider);
        const [bare, governed] = [bareClient(provider), client].map(async (one) => {
          const answer = isChat
            ? await one.chat.completions.create({ model: MODEL, messages: MESSAGES, stream: isStreamed })
            : await one.responses.create({ model: MODEL, input: "hello", stream: isStreamed });
          return Symbol.asyncIterator in answer ? collected<unknown>(answer) : answer;
        });
        expect(await governed).toStrictEqual(await bare);
        await plane.close();
      },
    ),
    { numRuns: 60 },
  );
});
