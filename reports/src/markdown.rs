//! A document as Markdown that a pull request renders.

use std::fmt::Write as _;

use crate::{
    document::{Block, Cell, Document, Table},
    escape::{markdown, markdown_code},
};

/// The report's text. It opens with the answer.
pub(crate) fn text(document: &Document) -> String {
    let mut text = format!("# {}\n\n", markdown(&document.title));
    for mark in &document.marks {
        line(&mut text, &format!("**{}**\n", markdown(mark)));
    }
    match &document.answers[..] {
        [only] => line(&mut text, &markdown(only)),
        several => several
            .iter()
            .for_each(|answer| line(&mut text, &format!("- {}", markdown(answer)))),
    }
    for warning in &document.warnings {
        line(&mut text, &format!("\n{}", markdown(warning)));
    }
    for section in &document.sections {
        line(&mut text, &format!("\n## {}", markdown(&section.title)));
        blocks(&mut text, &section.blocks);
    }
    text
}

fn blocks(text: &mut String, all: &[Block]) {
    for block in all {
        text.push('\n');
        match block {
            Block::Text(words) => line(text, &markdown(words)),
            Block::Heading(words) => line(text, &format!("### {}", markdown(words))),
            Block::Table(of) => table(text, of),
            Block::Figure(figure) => {
                let alt = markdown(&figure.alt);
                line(text, &format!("![{alt}]({}.svg)", figure.file));
            }
            Block::Folded(title, within) => {
                let title = markdown(title);
                line(text, &format!("<details><summary>{title}</summary>"));
                blocks(text, within);
                line(text, "\n</details>");
            }
        }
    }
}

fn line(text: &mut String, what: &str) {
    text.push_str(what);
    text.push('\n');
}

fn table(text: &mut String, table: &Table) {
    let (mut heads, mut rule) = (String::from("|"), String::from("|"));
    for head in &table.heads {
        let _ = write!(heads, " {} |", markdown(&head.text));
        rule.push_str(if head.is_number { "---:|" } else { "---|" });
    }
    line(text, &heads);
    line(text, &rule);
    for row in &table.rows {
        let mut cells = String::from("|");
        for cell in row {
            let cell = match cell {
                Cell::Text(words) => markdown(words),
                Cell::Code(code) => markdown_code(code),
            };
            let _ = write!(cells, " {cell} |");
        }
        line(text, &cells);
    }
}

#[cfg(test)]
mod tests;
