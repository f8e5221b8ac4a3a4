// Runs the browser's counter over the texts on standard input (a JSON list) and prints what it makes of each.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { count, lineBreaks, plain, special } = await import(pathToFileURL(process.argv[2]));
const texts = JSON.parse(readFileSync(0, "utf8"));
const told = texts.map((text) => ({
  ...count(text), lineBreaks: lineBreaks(text), plain: plain(text), special: special(text),
}));
process.stdout.write(JSON.stringify(told));
