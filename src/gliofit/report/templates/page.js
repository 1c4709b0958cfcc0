// Sorting of tables, and opening of folded parts for links and printing. Pages are complete without this script.
"use strict";

// Return the value of a row in a column: a number if the column is numeric, else its text; null if missing.
function valueOf(group, column, numeric) {
  const cell = group[0].cells[column];
  if (numeric) {
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  }
  return cell.textContent.trim() || null;
}

function sortTable(table, column, direction) {
  const body = table.tBodies[0];
  const numeric = body.querySelector(`tr > :nth-child(${column + 1})[data-value]`) !== null;
  const groups = table.groups.map((rows) => ({ rows, value: valueOf(rows, column, numeric) }));
  if (direction !== "none") {
    const sign = direction === "ascending" ? 1 : -1;
    groups.sort((one, other) => {
      // Missing values come last in both directions.
      if (one.value === null || other.value === null) {
        return (one.value === null) - (other.value === null);
      }
      const difference = numeric ? one.value - other.value : one.value.localeCompare(other.value, "en", { numeric: true });
      return sign * difference;
    });
  }
  body.append(...groups.flatMap((group) => group.rows));
}

function makeSortable(table) {
  // Further lines of a row stay with it.
  table.groups = [];
  for (const row of table.tBodies[0].rows) {
    if (row.classList.contains("more") && table.groups.length) {
      table.groups.at(-1).push(row);
    } else {
      table.groups.push([row]);
    }
  }
  const headings = [...[...table.tHead.rows].at(-1).cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort by this column. Click again for descending order, and once more for the original order.";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" };
      const direction = next[heading.getAttribute("aria-sort")];
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", direction);
      sortTable(table, column, direction);
    });
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);

// Open the folded parts around the target of a link.
function openTarget() {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  for (let part = target; part !== null; part = part.parentElement) {
    if (part.tagName === "DETAILS") {
      part.open = true;
    }
  }
}
window.addEventListener("hashchange", openTarget);
openTarget();

window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((part) => {
    part.open = true;
    part.dataset.printed = "";
  });
});
window.addEventListener("afterprint", () => {
  document.querySelectorAll("details[data-printed]").forEach((part) => {
    part.open = false;
    delete part.dataset.printed;
  });
});
