/** The people and goods the shop's data is made of; every address of theirs is in a reserved domain. */
export const FIRST_NAMES = [
  "Ada",
  "Bela",
  "Cleo",
  "Dario",
  "Edda",
  "Fadil",
  "Greta",
  "Hanno",
  "Imani",
  "Jonas",
  "Kaia",
  "Levin",
  "Mira",
  "Nadir",
  "Oona",
  "Pavel",
  "Quinn",
  "Runa",
  "Samir",
  "Tilda",
] as const;

export const LAST_NAMES = [
  "Abel",
  "Brandt",
  "Costa",
  "Dimitrov",
  "Eriksen",
  "Fontaine",
  "Goldmann",
  "Haddad",
  "Ivanova",
  "Jansen",
  "Kowalski",
  "Lindqvist",
  "Moreau",
  "Novak",
  "Okafor",
  "Petrov",
  "Quispe",
  "Rossi",
  "Sato",
  "Tamm",
] as const;

export const CITIES = ["Berlin", "Hamburg", "Leipzig", "Vienna", "Zurich", "Utrecht"] as const;

export const MAIL_DOMAINS = ["example.com", "example.org", "mail.example", "post.example"] as const;

/** What is sold, with its price in whole units. */
export const ARTICLES = [
  { name: "espresso machine", price: 949 },
  { name: "road bike", price: 1480 },
  { name: "office chair", price: 389 },
  { name: "rain jacket", price: 129 },
  { name: "desk lamp", price: 59 },
  { name: "tea set", price: 84 },
  { name: "hiking boots", price: 179 },
  { name: "headphones", price: 249 },
] as const;
