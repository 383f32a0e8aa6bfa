// Texts of a report that analysis/report/template.py has compressed.

/**
 * The text that is packed in another.
 * @param {string} packed base64 of its gzip
 */
export function unpacked(packed) {
  const letters = atob(packed), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}
