// How many segments a text is cut into: the browser's twin of parley/sms/segments.py, which gives the sources and
// the reasons. The tables below are the same, and tests hold both to the same answers.

const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
  "abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION = "\f^{}\\[~]|€";

const LOOKALIKES = [
  ['"', "\u00ab\u00bb\u02ba\u02ee\u201c\u201d\u201e\u201f\u2033\u275d\u275e\u301d\u301e"],
  ["'", "\u0060\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u2018\u2019\u201b\u2032\u275b\u275c"],
  [",", "\u201a"],
  ["<", "\u2039"],
  [">", "\u203a"],
  ["-", "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\ufe63"],
  ["/", "\u2044\u2215"],
  ["...", "\u2026"],
  ["!!", "\u203c"],
  ["1/4", "\u00bc"],
  ["1/2", "\u00bd"],
  ["3/4", "\u00be"],
  ["\n", "\u0085\u2028\u2029"],
  [" ", "\t\u00a0" + range(0x2000, 0x200a) + "\u202f\u205f\u3000"],
  [
    "",
    range(0x00, 0x08) + "\x0b" + range(0x0e, 0x1f) + "\x7f\u00ad\u061c" + range(0x200b, 0x200f) +
      range(0x202a, 0x202e) + range(0x2060, 0x2069) + "\ufeff",
  ],
];

const SUBSTITUTES = new Map(LOOKALIKES.flatMap(([plain, points]) => [...points].map((point) => [point, plain])));
for (const character of range(0x21, 0x7e)) {
  if (!/[A-Za-z]/.test(character)) {
    SUBSTITUTES.set(String.fromCharCode(0xfee0 + character.charCodeAt(0)), character);
  }
}

const escaped = (characters) => characters.replace(/[\\\]^-]/g, "\\$&");
const NOT_GSM = new RegExp(`[^${escaped(BASIC + EXTENSION)}]`, "u");
const EVERY_NOT_GSM = new RegExp(NOT_GSM, "gu");
const EVERY_EXTENSION = new RegExp(`[${escaped(EXTENSION)}]`, "gu");
const ESCAPE = "\x1b";

function range(first, last) {
  return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, n) => first + n));
}

/** The text as it is sent: each line break one LF. */
export function lineBreaks(text) {
  return text.replace(/\r\n?/g, "\n");
}

/** `{encoding, segments, units, left}`: what the text costs once its line breaks are LF. */
export function count(text) {
  text = lineBreaks(text);
  if (NOT_GSM.test(text)) {
    return pack("UCS-2", text, 70, 67, (end) => isHigh(text, end - 1) && isLow(text, end));
  }
  const septets = text.replace(EVERY_EXTENSION, `${ESCAPE}$&`);
  return pack("GSM-7", septets, 160, 153, (end) => septets[end - 1] === ESCAPE);
}

/** The characters that make the text UCS-2, each once, in the order they first appear. */
export function special(text) {
  return [...new Set(text.match(EVERY_NOT_GSM) ?? [])];
}

/** The text with look-alikes in GSM-7's alphabet; unchanged where nothing would be won. */
export function plain(text) {
  if (!NOT_GSM.test(text)) return text;
  const substituted = Array.from(text, (character) => SUBSTITUTES.get(character) ?? character).join("");
  if (NOT_GSM.test(substituted) || count(substituted).segments > count(text).segments) return text;
  return substituted;
}

function pack(encoding, units, alone, together, cutsPair) {
  const total = units.length;
  if (total <= alone) return { encoding, segments: 1, units: total, left: alone - total };
  for (let segments = 1, start = 0; ; segments += 1) {
    const end = start + together;
    if (end >= total) return { encoding, segments, units: total, left: end - total };
    start = cutsPair(end) ? end - 1 : end;
  }
}

function isHigh(text, at) {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

function isLow(text, at) {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00;
}
