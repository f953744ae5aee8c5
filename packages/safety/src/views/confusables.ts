/**
 * Letters of other scripts that are drawn like Latin ones, as pairs (look-alike, Latin letter). Chosen from the
 * Unicode confusables (UTS #39): the Cyrillic, Greek, Armenian, Cherokee and Latin-extended shapes used to spell English.
 * Applied after NFKC and lower-casing, so compatibility forms (full width, mathematical, circled) need no entry.
 */
const PAIRS =
  "аa бb вb гr дd еe ёe зz іi їi јj кk мm нh оo пn рp сc тt уy хx ѕs ԁd ԛq ԝw һh ӏl ьb ѵv эe яr " +
  "αa βb γy δd εe ζz ηn ιi κk λl μu νv οo ρp σo ςc τt υu χx ωw ϲc ϳj " +
  "օo սu հh ոn ցg աw ꭺa ꮯc ꮪs " +
  "ıi ɑa ɡg ɩi ʀr ꜱs ᴀa ᴄc ᴅd ᴇe ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ʏy ᴢz øo łl đd ħh ŧt ƅb";

const TO_LATIN: ReadonlyMap<string, string> = new Map(
  PAIRS.split(" ").map((pair): [string, string] => [pair.slice(0, 1), pair.slice(1)]),
);

/**
 * Gives the Latin letter that a lower-case character is drawn like, or the character itself.
 * @param char One character.
 */
export function foldConfusable(char: string): string {
  return TO_LATIN.get(char) ?? char;
}
