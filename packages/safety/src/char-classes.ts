/** The character tests that hand-written scanners share; they take a UTF-16 unit. */

/** Answers whether a code is an ASCII digit. */
function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Answers whether a code is an ASCII letter. */
function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** Answers whether a code is an ASCII letter or digit. */
export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isLetter(code);
}

/** Answers whether a code may stand in a base64url token: letters, digits, `-` and `_`. */
export function isTokenChar(code: number): boolean {
  return isAlphanumeric(code) || code === 45 || code === 95;
}
