/** Encrypts what is stored for one purpose, so that whoever reads the store reads nothing. */
export interface Seal {
  /** @param purpose What the text belongs to: sealed for one thing, it opens for no other. */
  seal(text: string, purpose: string): string;
  /** @throws where the text was changed, or sealed with another key or for another purpose */
  open(sealed: string, purpose: string): string;
}
