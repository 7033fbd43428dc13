"use strict";

/* Sorting: headings of .sortable tables become buttons; undefined values stay last. */
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const lines = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const collator = new Intl.Collator(undefined, { numeric: true });

  const keyOf = (line, column) => {
    const cell = line.cells[column];
    if (!("sort" in cell.dataset)) return cell.textContent;
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  };

  const compare = (left, right, sign) => {
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (typeof left === "number" ? left - right : collator.compare(left, right));
  };

  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const isNumber = heading.classList.contains("number");
      const now = heading.getAttribute("aria-sort");
      const next = now === null ? (isNumber ? "descending" : "ascending")
        : now === "ascending" ? "descending" : "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const keyed = lines.map((line, index) => ({ line, index, key: keyOf(line, column) }));
      keyed.sort((a, b) => compare(a.key, b.key, sign) || a.index - b.index);
      body.append(...keyed.map((entry) => entry.line));
    });
  });
}
document.documentElement.classList.add("has-script");

/* Printing: what is folded up would be lost on paper, unless it is very much. */
const folded = [...document.querySelectorAll("details:not([open])")];
window.addEventListener("beforeprint", () => {
  if (folded.length <= 12) for (const one of folded) one.open = true;
});
window.addEventListener("afterprint", () => {
  if (folded.length <= 12) for (const one of folded) one.open = false;
});
