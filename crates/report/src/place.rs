//! A line of a script with a mark under what is meant.

use tightrope_model::Place;

use crate::page::{Page, visible};

/// Shows the line at a place, with a mark from its column on and what there is to say about it.
pub(crate) fn show(page: &mut Page<'_>, place: &Place, line: &str, remark: &str) {
    let number = place.line.to_string();
    let room = page.style.width.saturating_sub(number.len() + 5).max(20);
    let (shown, column) = crop(line, place.column.saturating_sub(1), room);
    let length = token_length(&shown, column);
    let bar = page.style.faint("|");
    page.line(format!("  {number} {bar} {shown}"));
    let mark = page.style.bad(&"^".repeat(length));
    let before = format!(
        "  {} {bar} {}",
        " ".repeat(number.len()),
        " ".repeat(column)
    );
    let mut label = format!("{before}{mark} ");
    // Far to the right there is no room for words: they begin on a line of their own.
    if !remark.is_empty() && visible(&label) + 20 > page.style.width {
        page.line(&label);
        label = format!("  {} {bar} ", " ".repeat(number.len()));
    }
    page.field(&label, remark);
}

/// A long line is cut to a window around the column; tabs count as one column.
fn crop(line: &str, column: usize, room: usize) -> (String, usize) {
    let characters: Vec<char> = line
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect();
    let column = column.min(characters.len());
    if characters.len() <= room {
        return (characters.into_iter().collect(), column);
    }
    let start = column.saturating_sub(room / 2).min(characters.len() - room);
    let mut window: Vec<char> = characters[start..start + room].to_vec();
    if start > 0 {
        window[0] = '…';
    }
    if start + room < characters.len() {
        window[room - 1] = '…';
    }
    (window.into_iter().collect(), column - start)
}

/// How many characters the word at a column has; at least one.
fn token_length(line: &str, column: usize) -> usize {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    line.chars().skip(column).take_while(word).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_show_the_column() {
        let line = format!("{}BAD{}", "a".repeat(200), "b".repeat(200));
        let (shown, column) = crop(&line, 200, 40);
        assert_eq!(shown.chars().count(), 40);
        assert_eq!(
            &shown.chars().skip(column).take(3).collect::<String>(),
            "BAD"
        );
        assert_eq!(crop("short", 99, 40), ("short".to_owned(), 5));
    }

    #[test]
    fn words_are_marked_whole() {
        let check = |line, column, expect| assert_eq!(token_length(line, column), expect);
        check("alter table t", 6, 5);
        check("select ;", 7, 1);
        check("x", 5, 1);
    }
}
