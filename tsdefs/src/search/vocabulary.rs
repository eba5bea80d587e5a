//! The weighted terms of a tool.

use std::collections::HashMap;

use super::schema_fields::{Field, schema_fields};
use super::stemmer::stem;
use super::terms;
use crate::definition::{ServerDefinition, ToolDefinition};

/// The weight of one occurrence of a term, by field. A term in the name is worth most: names are a
/// few words, chosen with care.
mod weight {
    pub const NAME: f32 = 5.0;
    pub const TITLE: f32 = 2.0;
    pub const SERVER: f32 = 2.0;
    pub const DESCRIPTION: f32 = 1.0;
    pub const PARAMETER: f32 = 1.0;
    pub const PARAMETER_DESCRIPTION: f32 = 0.3;
    pub const INNER_PARAMETER: f32 = 0.5;
    pub const INNER_DESCRIPTION: f32 = 0.15;
    pub const VALUE: f32 = 0.3;
}

/// The weighted terms of one tool: the number of each term and its weighted count.
pub(super) type TermCounts = Box<[(u32, f32)]>;

/// The terms of several tools, numbered in the order in which they are found. Words repeat often,
/// so each is stemmed once.
#[derive(Default)]
pub(super) struct Vocabulary {
    pub terms: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    /// The number of each word's stem.
    words: HashMap<Box<str>, u32>,
    /// The counts of the current tool by the number of the term; 0 for terms that it does not have.
    counts: Vec<f32>,
    /// The numbers of the terms of the current tool.
    found: Vec<u32>,
}

impl Vocabulary {
    /// Returns the weighted terms of one tool.
    pub fn count(&mut self, server: &ServerDefinition, tool: &ToolDefinition) -> TermCounts {
        self.add(&tool.name, weight::NAME);
        self.add(&server.name, weight::SERVER);
        self.add(tool.title.as_deref().unwrap_or_default(), weight::TITLE);
        self.add(tool.description.as_deref().unwrap_or_default(), weight::DESCRIPTION);
        for field in schema_fields(&tool.input_schema.read()) {
            match field {
                Field::Name { name, inner: false } => self.add(name, weight::PARAMETER),
                Field::Name { name, inner: true } => self.add(name, weight::INNER_PARAMETER),
                Field::Description { text, inner: false } => self.add(text, weight::PARAMETER_DESCRIPTION),
                Field::Description { text, inner: true } => self.add(text, weight::INNER_DESCRIPTION),
                Field::Value(word) => self.add(word, weight::VALUE),
            }
        }
        let counts = &mut self.counts;
        self.found.drain(..).map(|number| (number, std::mem::take(&mut counts[number as usize]))).collect()
    }

    fn add(&mut self, text: &str, weight: f32) {
        terms::words(text, |word| {
            let number = match self.words.get(word) {
                Some(number) => *number,
                None => {
                    let stem: Box<str> = stem(word).into();
                    let next = self.terms.len() as u32;
                    let number = *self.numbers.entry(stem).or_insert_with_key(|stem| {
                        self.terms.push(stem.clone());
                        self.counts.push(0.0);
                        next
                    });
                    self.words.insert(word.into(), number);
                    number
                }
            };
            let count = &mut self.counts[number as usize];
            if *count == 0.0 {
                self.found.push(number);
            }
            *count += weight;
        });
    }
}
