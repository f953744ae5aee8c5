/** What nobody can see, and what only looks like nothing. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]/gu;

/**
 * The name of a person as it is compared: spellings that people take for one name are one person, whatever their case,
 * width, invisible characters and white space around. Empty for a name of nothing visible.
 * @param name As it was given.
 */
export function personKey(name: string): string {
  const seen = name.normalize("NFKC").replaceAll(UNSEEN, "").trim();
  // Through upper case, so that letters with several small forms meet.
  return seen.toUpperCase().toLowerCase().normalize("NFKC");
}

/** Tells whether two names are those of one person. */
export function isSamePerson(name: string, other: string): boolean {
  return personKey(name) === personKey(other);
}
