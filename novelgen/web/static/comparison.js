// The table of comparisons. It is built of texts, never of HTML, and sorted by a click on a heading:
// upwards, downwards, and as it came. On a phone every row is a card (models.css), whose cells have
// the headings before them.
let sorting = { column: null, sign: 1 };

// What cannot be compared as a number goes last: an empty cell, a dash.
const asNumber = (text) => (text.trim() === "" ? NaN : Number(text.replace("%", "")));

const compared = (one, other, sign) => {
  const [first, second] = [asNumber(one), asNumber(other)];
  if (Number.isNaN(first) && Number.isNaN(second)) return sign * one.localeCompare(other, "zh");
  if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) ? 1 : -1;
  return sign * (first - second);
};

const sorted = (rows) => {
  const { column, sign } = sorting;
  if (column === null) return rows;
  return [...rows].sort((one, other) => compared(one[column], other[column], sign));
};

const heading = (text, column) => {
  const cell = document.createElement("th");
  const button = document.createElement("button");
  cell.scope = "col";
  if (column === sorting.column) cell.ariaSort = sorting.sign > 0 ? "ascending" : "descending";
  button.textContent = text;
  button.addEventListener("click", () => {
    if (sorting.column !== column) sorting = { column, sign: 1 };
    else if (sorting.sign > 0) sorting = { column, sign: -1 };
    else sorting = { column: null, sign: 1 };
    draw();
    element.querySelectorAll("th button")[column].focus();
  });
  cell.append(button);
  return cell;
};

const line = (values, { headers, wide }) => {
  const row = document.createElement("tr");
  row.append(...values.map((value, column) => {
    const cell = document.createElement("td");
    cell.dataset.label = headers[column];
    cell.classList.toggle("wide", column === wide);
    cell.textContent = value;
    return cell;
  }));
  return row;
};

const draw = () => {
  const shown = props.value;
  if (!shown?.headers) return;
  element.querySelector("thead tr").replaceChildren(...shown.headers.map(heading));
  const rows = sorted(shown.data).map((values) => line(values, shown));
  element.querySelector("tbody").replaceChildren(...rows);
};
draw();
watch("value", draw);
