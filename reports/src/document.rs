//! What a report says, before it has a format. All texts are plain: who renders them escapes.

use crate::chart::Picture;

/// A report.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// What stood in for hardware, in words; nothing where all figures are of hardware.
    pub(crate) marks: Vec<String>,
    /// The answers, a sentence each.
    pub(crate) answers: Vec<String>,
    /// What has to be known before they are believed.
    pub(crate) warnings: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) enum Block {
    Text(String),
    Heading(String),
    Table(Table),
    Figure(Box<Figure>),
    /// Shown when it is asked for.
    Folded(String, Vec<Block>),
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Nothing in any of them: a table of names and values.
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) text: String,
    /// Aligned at its end.
    pub(crate) is_number: bool,
}

#[derive(Debug)]
pub(crate) enum Cell {
    Text(String),
    Code(String),
}

#[derive(Debug)]
pub(crate) struct Figure {
    /// Of its files, without what they end in: letters, digits and `-`.
    pub(crate) file: String,
    /// What is seen in it, for who does not see it.
    pub(crate) alt: String,
    pub(crate) picture: Picture,
}

impl Section {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    pub(crate) fn figure(
        &mut self,
        file: impl Into<String>,
        alt: impl Into<String>,
        picture: Picture,
    ) {
        self.blocks.push(Block::Figure(Box::new(Figure {
            file: file.into(),
            alt: alt.into(),
            picture,
        })));
    }
}

impl Table {
    /// A table of so many columns of words, then numbers.
    pub(crate) fn of<T: Into<String>>(
        words: impl IntoIterator<Item = T>,
        numbers: impl IntoIterator<Item = T>,
    ) -> Self {
        let head = |is_number| {
            move |text: T| Head {
                text: text.into(),
                is_number,
            }
        };
        let words = words.into_iter().map(head(false));
        Self {
            heads: words.chain(numbers.into_iter().map(head(true))).collect(),
            rows: Vec::new(),
        }
    }

    /// Names and values.
    pub(crate) fn pairs(rows: impl IntoIterator<Item = (&'static str, Cell)>) -> Self {
        let pair = |(name, value)| vec![Cell::from(name), value];
        Self {
            rows: rows.into_iter().map(pair).collect(),
            ..Self::of(["", ""], [])
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(Cell::Text).collect());
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Document {
    /// Every figure, in order.
    pub(crate) fn figures(&self) -> Vec<&Figure> {
        let mut figures = Vec::new();
        for section in &self.sections {
            collect(&section.blocks, &mut figures);
        }
        figures
    }
}

fn collect<'a>(blocks: &'a [Block], figures: &mut Vec<&'a Figure>) {
    for block in blocks {
        match block {
            Block::Figure(figure) => figures.push(figure),
            Block::Folded(_, blocks) => collect(blocks, figures),
            Block::Text(_) | Block::Heading(_) | Block::Table(_) => {}
        }
    }
}
