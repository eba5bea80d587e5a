//! The effect of tokens on the scan: words, punctuation, slashes.

use super::{Before, Bracket, Scan};

/// Keywords that take an operand, in expressions and in types.
const OPERATOR_WORDS: &[&str] = &[
    "abstract",
    "as",
    "asserts",
    "async",
    "await",
    "case",
    "default",
    "delete",
    "do",
    "else",
    "extends",
    "in",
    "infer",
    "instanceof",
    "is",
    "keyof",
    "new",
    "readonly",
    "return",
    "satisfies",
    "throw",
    "typeof",
    "unique",
    "yield",
];
/// Words that are also plain names, so that a slash after them is ambiguous; and `void`, `of` and
/// the like, which are values or types elsewhere.
const DOUBTFUL_WORDS: &[&str] = &[
    "abstract",
    "as",
    "asserts",
    "async",
    "default",
    "infer",
    "is",
    "keyof",
    "of",
    "readonly",
    "satisfies",
    "unique",
    "void",
];
/// Words that continue the code before them even on a new line or after `;` and `}`.
const CONTINUING_WORDS: &[&str] = &[
    "as",
    "assert",
    "catch",
    "else",
    "extends",
    "finally",
    "from",
    "implements",
    "in",
    "instanceof",
    "is",
    "of",
    "satisfies",
    "while",
    "with",
];

impl Scan<'_> {
    pub(super) fn word(&mut self) {
        let start = self.at;
        self.skip_name();
        let word = self.text.get(start..self.at).unwrap_or("");
        let continuing = CONTINUING_WORDS.contains(&word);
        match self.before {
            Before::Dot => {
                self.before = Before::Operand;
                return;
            }
            Before::Semicolon | Before::CurlyEnd if !continuing => self.reset(),
            Before::Operand if self.newline && !continuing => {
                if matches!(self.top().bracket, Bracket::Top | Bracket::Curly) {
                    self.reset();
                }
            }
            Before::Start | Before::Operator | Before::AngleEnd => {}
            // Two words in a row: the first takes the second as its operand, or is a modifier.
            _ => self.operator(true),
        }
        if OPERATOR_WORDS.contains(&word) {
            self.operator(true);
            self.before = if DOUBTFUL_WORDS.contains(&word) { Before::DoubtfulWord } else { Before::Keyword };
            // `for await (…)`
            if word == "await" && self.text.get(..start).unwrap_or("").trim_end().ends_with("for") {
                self.before = Before::Control;
            }
        } else if DOUBTFUL_WORDS.contains(&word) {
            self.operator(true);
            self.before = Before::DoubtfulWord;
        } else if matches!(word, "if" | "for" | "while" | "with") {
            self.operator(true);
            self.before = Before::Control;
        } else {
            self.before = Before::Operand;
        }
    }

    pub(super) fn punctuation(&mut self, byte: u8) {
        self.settle();
        let after_value = matches!(self.before, Before::Operand);
        self.at += 1;
        match byte {
            b'(' => {
                let control = self.before == Before::Control;
                // Calls cannot be arrow heads, except `async(…)`, whose word is doubtful.
                self.push(Bracket::Round { control, arrow: !after_value && !control });
            }
            b'[' => self.push(Bracket::Square),
            b'{' => self.push(Bracket::Curly),
            b')' => {
                if let Bracket::Round { control, .. } = self.top().bracket {
                    self.pop();
                    self.before = if control { Before::ControlEnd } else { Before::Operand };
                }
            }
            b']' => {
                if self.top().bracket == Bracket::Square {
                    self.pop();
                    self.before = Before::Operand;
                }
            }
            b'}' => match self.top().bracket {
                Bracket::Curly => {
                    self.pop();
                    self.before = Before::CurlyEnd;
                }
                Bracket::Template => {
                    self.pop();
                    self.template_text();
                }
                _ => {}
            },
            b';' => self.before = Before::Semicolon,
            b',' => {
                // A comma between type arguments ends nothing.
                if self.top().angles == 0 {
                    self.reset();
                }
                self.before = Before::Operator;
            }
            b'<' => {
                if !after_value {
                    // `<T>` before a value: the value is nested in it after the `>` too.
                    self.operator(true);
                }
                let level = self.top();
                level.chain += 1;
                level.angles += 1;
                if level.angles == 1 {
                    self.speculative_levels += 1;
                }
                self.depth += 1;
                self.angles += 1;
                self.before = Before::Operator;
            }
            b'>' => {
                let level = self.top();
                if level.angles > 0 {
                    level.chain -= 1;
                    level.angles -= 1;
                    if level.angles == 0 {
                        self.speculative_levels -= 1;
                    }
                    self.depth -= 1;
                    self.angles -= 1;
                }
                self.before = Before::AngleEnd;
            }
            b'=' => match self.peek(0) {
                b'>' => {
                    self.at += 1;
                    self.operator(true);
                }
                b'=' => {
                    self.at += if self.peek(1) == b'=' { 2 } else { 1 };
                    self.operator(false);
                }
                _ => self.operator(true),
            },
            b'?' => match (self.peek(0), self.peek(1)) {
                (b'.', next) if !next.is_ascii_digit() => {
                    self.at += 1;
                    self.before = Before::Dot;
                }
                (b'?', _) => {
                    self.at += 1;
                    self.operator(false);
                }
                _ => self.operator(true),
            },
            b'.' => {
                if self.peek(0) == b'.' {
                    self.at += if self.peek(1) == b'.' { 2 } else { 1 };
                    self.operator(true);
                } else if self.peek(0).is_ascii_digit() {
                    self.skip_name();
                    self.before = Before::Operand;
                } else {
                    self.before = Before::Dot;
                }
            }
            b'*' => {
                let power = self.peek(0) == b'*';
                self.at += usize::from(power);
                self.operator(power);
            }
            b'!' if self.peek(0) == b'=' => {
                self.at += if self.peek(1) == b'=' { 2 } else { 1 };
                self.operator(false);
            }
            // After a value it is TypeScript's non-null assertion.
            b'!' if after_value => {}
            b'+' | b'-' if self.peek(0) == byte => {
                self.at += 1;
                if !after_value || self.newline {
                    self.operator(true);
                }
            }
            b'+' | b'-' => self.operator(!after_value),
            b'&' | b'|' | b'^' | b'%' => self.operator(false),
            _ => self.operator(true),
        }
    }

    /// Handles a slash that does not begin a comment. Returns `false` if the scan cannot decide
    /// what it is and the readings differ.
    pub(super) fn slash(&mut self) -> bool {
        match self.before {
            Before::Operand => {
                self.at += 1;
                self.before = Before::Operator;
                true
            }
            Before::Start | Before::Operator | Before::Keyword | Before::ControlEnd | Before::Control => {
                self.skip_regular_expression();
                self.before = Before::Operand;
                true
            }
            _ => {
                let rest = &self.bytes[self.at + 1..];
                // A regular expression ends on its line. Without a second slash this is a division.
                // If the text between the slashes counts the same as code and as a regular
                // expression, the choice does not matter.
                let end =
                    rest.iter().position(|b| matches!(b, b'\n' | b'\r' | b'/')).filter(|&n| rest[n] == b'/');
                match end {
                    None => {
                        self.at += 1;
                        self.before = Before::Operator;
                        true
                    }
                    Some(end)
                        if rest[..end]
                            .iter()
                            .all(|b| b.is_ascii_alphanumeric() || b" .,+*$-_".contains(b)) =>
                    {
                        self.at += end + 2;
                        self.before = Before::Operand;
                        // The second slash begins a comment in one reading.
                        !matches!(self.peek(0), b'/' | b'*')
                    }
                    Some(_) => false,
                }
            }
        }
    }
}
