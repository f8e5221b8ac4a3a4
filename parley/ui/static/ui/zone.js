/* The time zone that the browser lives in, for a form that nobody has filled in yet. */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const select of document.querySelectorAll("select[data-guess]")) {
  if ([...select.options].some((option) => option.value === zone)) select.value = zone;
}
