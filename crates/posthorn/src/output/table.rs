//! Tables: aligned columns for people, JSON lines for programs, from the same rows.

use super::{Output, OutputError};
use posthorn_base::shown::Shown;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// Rows that a table collects before it decides how wide its columns are. Longer listings flow in
/// pieces of this size, so that their memory is bounded.
const ROWS_PER_PIECE: usize = 500;
/// No column pushes the next one further than this.
const COLUMN_WIDTH_MAX: usize = 60;

/// On which side of a column its cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What stands at its top.
    pub title: &'static str,
    /// On which side its cells stand.
    pub align: Align,
}

impl Column {
    /// A column of words.
    pub const fn left(title: &'static str) -> Column {
        Column { title, align: Align::Left }
    }
    /// A column of numbers.
    pub const fn right(title: &'static str) -> Column {
        Column { title, align: Align::Right }
    }
}

/// What stands in one column of one row: safe to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell(String);

impl Cell {
    /// Text from anywhere: control characters are shown, not sent.
    pub fn text(text: &str) -> Cell {
        Cell(Shown::text(text).to_string())
    }
    /// Bytes from anywhere.
    pub fn bytes(bytes: &[u8]) -> Cell {
        Cell(Shown(bytes).to_string())
    }
    /// A value of ours, as it displays itself.
    pub fn of(value: impl std::fmt::Display) -> Cell {
        Cell::text(&value.to_string())
    }
    /// Nothing is known or set here.
    pub fn none() -> Cell {
        Cell("-".to_owned())
    }
    fn width(&self) -> usize {
        self.0.width()
    }
}

/// One row of a listing. Its JSON form is what it serializes to, with everything in it; its cells
/// are what a person wants to see.
pub trait Row: Serialize {
    /// The columns, as many as cells.
    const COLUMNS: &'static [Column];
    /// What is said instead of an empty table.
    const EMPTY: &'static str;
    /// The cells.
    fn cells(&self) -> Vec<Cell>;
}

/// A listing under way. [`Listing::end`] prints what is left.
#[derive(Debug)]
pub struct Listing<'o, R> {
    output: &'o mut Output,
    rows: Vec<Vec<Cell>>,
    widths: Vec<usize>,
    printed: bool,
    row: std::marker::PhantomData<R>,
}

impl<'o, R: Row> Listing<'o, R> {
    pub(super) fn new(output: &'o mut Output) -> Self {
        let widths = R::COLUMNS.iter().map(|column| column.title.width()).collect();
        Listing { output, rows: Vec::new(), widths, printed: false, row: std::marker::PhantomData }
    }

    /// Adds a row.
    pub fn row(&mut self, row: &R) -> Result<(), OutputError> {
        if self.output.is_json() {
            return self.output.json_line(row);
        }
        self.rows.push(row.cells());
        if self.rows.len() >= ROWS_PER_PIECE { self.print_piece() } else { Ok(()) }
    }

    /// Prints what is left.
    pub fn end(mut self) -> Result<(), OutputError> {
        if self.output.is_json() {
            return Ok(());
        }
        if self.rows.is_empty() && !self.printed {
            return self.output.text(&format!("{}\n", R::EMPTY));
        }
        self.print_piece()
    }

    fn print_piece(&mut self) -> Result<(), OutputError> {
        for row in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width()).min(COLUMN_WIDTH_MAX);
            }
        }
        if !self.printed {
            self.printed = true;
            let titles: Vec<Cell> =
                R::COLUMNS.iter().map(|column| Cell(column.title.to_owned())).collect();
            let line = self.line(&titles);
            self.output.text(&line)?;
        }
        for row in std::mem::take(&mut self.rows) {
            let line = self.line(&row);
            self.output.text(&line)?;
        }
        Ok(())
    }

    fn line(&self, row: &[Cell]) -> String {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(&self.widths).zip(R::COLUMNS) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = match column.align {
                Align::Left => ("", padding.as_str()),
                Align::Right => (padding.as_str(), ""),
            };
            line.extend([before, &cell.0, after]);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);
    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Serialize)]
    struct Box_ {
        name: &'static str,
        size: u64,
    }
    impl Row for Box_ {
        const COLUMNS: &'static [Column] = &[Column::left("NAME"), Column::right("SIZE")];
        const EMPTY: &'static str = "no boxes";
        fn cells(&self) -> Vec<Cell> {
            vec![Cell::text(self.name), Cell::of(self.size)]
        }
    }

    fn print(json: bool, rows: &[Box_]) -> String {
        let captured = Captured::default();
        let mut output = Output::to(Box::new(captured.clone()), json);
        let mut listing = output.listing();
        rows.iter().for_each(|row| listing.row(row).unwrap());
        listing.end().unwrap();
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_what_the_terminal_shows() {
        let rows = [
            Box_ { name: "INBOX", size: 12 },
            Box_ { name: "受信箱", size: 3 },
            Box_ { name: "evil\x1b[2J\nrow", size: 1234 },
        ];
        let want = "\
NAME                SIZE
INBOX                 12
受信箱                 3
evil\\u{1b}[2J\\nrow  1234
";
        assert_eq!(print(false, &rows), want);
        let json = print(true, &rows);
        assert_eq!(json.lines().count(), 3);
        assert!(json.starts_with("{\"name\":\"INBOX\",\"size\":12}\n"), "{json}");
    }

    #[test]
    fn an_empty_table_says_so_and_empty_json_is_empty() {
        assert_eq!(print(false, &[]), "no boxes\n");
        assert_eq!(print(true, &[]), "");
    }

    #[test]
    fn long_listings_flow_in_pieces_under_one_heading() {
        let rows: Vec<Box_> =
            (0..ROWS_PER_PIECE as u64 * 2 + 1).map(|size| Box_ { name: "x", size }).collect();
        let shown = print(false, &rows);
        assert_eq!(shown.lines().count(), rows.len() + 1);
        assert_eq!(shown.matches("NAME").count(), 1);
    }
}
