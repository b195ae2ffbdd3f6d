/** A cell that is only digits and the like stands to the right. */
const numeric = /^[-?0-9.,]*$/;

/** Paints a cell after it got its width. Pure. */
export type Painter = (cell: string, column: number) => string;

/** Text columns: numbers to the right, words to the left. Pure. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[], paint?: { head: Painter; cell: Painter }): string {
  return new TextTable(head, paint).page(rows);
}

/** A table that is printed page by page: the head comes with the first, columns only grow. */
export class TextTable {
  readonly #head: readonly string[];
  readonly #paint: { head: Painter; cell: Painter } | undefined;
  #widths: number[] | undefined;

  constructor(head: readonly string[], paint?: { head: Painter; cell: Painter }) {
    this.#head = head;
    this.#paint = paint;
  }

  page(rows: readonly (readonly string[])[]): string {
    const first = this.#widths === undefined;
    const known = this.#widths ?? this.#head.map((name) => name.length);
    const widths = known.map((width, column) => rows.reduce((most, row) => Math.max(most, (row[column] ?? '').length), width));
    this.#widths = widths;
    const right = this.#head.map((_, column) => rows.every((row) => numeric.test(row[column] ?? '')));
    const line = (cells: readonly string[], paint: Painter | undefined) =>
      this.#head
        .map((_, column) => {
          const cell = cells[column] ?? '';
          const space = ' '.repeat((widths[column] ?? 0) - cell.length);
          const painted = paint === undefined ? cell : paint(cell, column);
          if (right[column]) return space + painted;
          return column === this.#head.length - 1 ? painted : painted + space;
        })
        .join('  ')
        .trimEnd();
    return [...(first ? [line(this.#head, this.#paint?.head)] : []), ...rows.map((row) => line(row, this.#paint?.cell))].join('\n');
  }
}
