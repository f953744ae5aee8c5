/** Ends reading at once: what follows could exhaust memory or the stack. */
export class TooMuch extends Error {
  readonly suggestion: string;

  constructor(message: string, suggestion: string) {
    super(message);
    this.suggestion = suggestion;
  }
}
