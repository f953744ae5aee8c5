/** Tokens a model call used; `inputTokens` includes cached ones, as providers report them. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  /** The whole cost in integer micro-dollars, when the caller knows it better than a price table. */
  readonly costMicroUsd?: number;
}

/** The port for prices: answers what a call costs, in integer micro-dollars. */
export interface PriceTable {
  /**
   * @returns Micro-dollars, rounded up; undefined when the model's price is unknown; 0 for a free model.
   */
  costMicroUsd(
    model: { readonly provider?: string; readonly name: string },
    usage: Usage,
  ): number | undefined;
}

/** The port for counting tokens of a text before a call; the default is UTF-8 bytes / 3, rounded up. */
export interface Tokenizer {
  countTokens(text: string, model: { readonly provider?: string; readonly name: string }): number;
}
