//! A document as one HTML file that asks nothing of anybody: no script, no font, no picture from elsewhere.

use std::fmt::Write as _;

use crate::{
    chart::{COLOURS, Form, HEAT, NEUTRALS, colour_name, svg},
    document::{Block, Cell, Document, Figure, Section, Table},
    escape::html,
};

/// What a browser may load of a page that a hostile name got into: nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The report as HTML.
///
/// # Errors
/// The drawing library's words, with the figure they are about.
pub(crate) fn text(document: &Document) -> Result<String, (String, String)> {
    let title = html(&document.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n<main>\n<header>\n\
         <h1>{title}</h1>\n",
        include_str!("html/page.css"),
        colours()
    );
    for mark in &document.marks {
        let _ = writeln!(page, "<p class=\"mark\">{}</p>", html(mark));
    }
    page.push_str("<ul class=\"answers\">\n");
    for answer in &document.answers {
        let _ = writeln!(page, "<li>{}</li>", html(answer));
    }
    page.push_str("</ul>\n");
    for warning in &document.warnings {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", html(warning));
    }
    contents(&mut page, &document.sections);
    page.push_str("</header>\n");
    let mut drawn = drawn(document)?.into_iter();
    for (index, section) in document.sections.iter().enumerate() {
        let title = html(&section.title);
        let _ = writeln!(page, "<section id=\"s{index}\">\n<h2>{title}</h2>");
        blocks(&mut page, &section.blocks, &mut drawn);
        page.push_str("</section>\n");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

/// Every figure for a wide and a narrow screen, in order; each thread draws its part.
fn drawn(document: &Document) -> Result<Vec<[String; 2]>, (String, String)> {
    crate::parallel::map(&document.figures(), |figure| {
        let draw = |form| svg(&figure.picture, form).map_err(|why| (figure.file.clone(), why));
        Ok([draw(Form::Wide)?, draw(Form::Narrow)?])
    })
    .into_iter()
    .collect()
}

fn contents(page: &mut String, sections: &[Section]) {
    page.push_str("<nav aria-label=\"Sections\">\n<ul>\n");
    for (index, section) in sections.iter().enumerate() {
        let title = html(&section.title);
        let _ = writeln!(page, "<li><a href=\"#s{index}\">{title}</a></li>");
    }
    page.push_str("</ul>\n</nav>\n");
}

fn blocks(page: &mut String, all: &[Block], drawn: &mut impl Iterator<Item = [String; 2]>) {
    for block in all {
        let written = match block {
            Block::Text(words) => writeln!(page, "<p>{}</p>", html(words)),
            Block::Heading(words) => writeln!(page, "<h3>{}</h3>", html(words)),
            Block::Table(of) => {
                table(page, of);
                Ok(())
            }
            Block::Figure(of) => {
                figure(page, of, &drawn.next().unwrap_or_default());
                Ok(())
            }
            Block::Folded(title, within) => {
                let _ = writeln!(page, "<details>\n<summary>{}</summary>", html(title));
                blocks(page, within, drawn);
                writeln!(page, "</details>")
            }
        };
        // A String takes whatever is written.
        debug_assert!(written.is_ok());
    }
}

/// The figure twice, of which the page shows one; both say the same to who does not see them.
fn figure(page: &mut String, figure: &Figure, forms: &[String; 2]) {
    let picture = &figure.picture;
    let _ = writeln!(
        page,
        "<figure>\n<figcaption><b>{}</b><span>{}</span></figcaption>",
        html(&picture.title),
        html(&picture.subtitle)
    );
    for (class, svg) in ["wide", "narrow"].into_iter().zip(forms) {
        let opening = format!(
            "<svg class=\"{class}\" role=\"img\" aria-label=\"{}\" ",
            html(&figure.alt)
        );
        page.push_str(&svg.replacen("<svg ", &opening, 1));
    }
    let _ = writeln!(
        page,
        "<p class=\"alt\">{}</p>\n</figure>",
        html(&figure.alt)
    );
}

fn table(page: &mut String, table: &Table) {
    page.push_str("<div class=\"scroll\" tabindex=\"0\"><table>\n");
    let has_heads = table.heads.iter().any(|head| !head.text.is_empty());
    let class = |index: usize| {
        let is_number = table.heads.get(index).is_some_and(|head| head.is_number);
        if is_number { " class=\"number\"" } else { "" }
    };
    if has_heads {
        page.push_str("<thead><tr>");
        for (index, head) in table.heads.iter().enumerate() {
            let (class, text) = (class(index), html(&head.text));
            let _ = write!(page, "<th scope=\"col\"{class}>{text}</th>");
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let class = class(index);
            let _ = match cell {
                Cell::Text(words) if index == 0 && !has_heads => {
                    write!(page, "<th scope=\"row\">{}</th>", html(words))
                }
                Cell::Text(words) => write!(page, "<td{class}>{}</td>", html(words)),
                Cell::Code(code) => write!(page, "<td><code>{}</code></td>", html(code)),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}

/// The colours of pictures on dark paper: an SVG says those on light paper, by which they are found.
fn colours() -> String {
    let mut css = String::from("@media screen and (prefers-color-scheme: dark) {\n");
    for (light, dark) in NEUTRALS.iter().chain(&COLOURS).chain(&HEAT) {
        let (light, dark) = (colour_name(*light), colour_name(*dark));
        for property in ["fill", "stroke"] {
            let _ = writeln!(css, "svg [{property}=\"{light}\"]{{{property}:{dark}}}");
        }
    }
    css.push_str("}\n");
    css
}

#[cfg(test)]
mod tests;
