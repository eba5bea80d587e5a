//! How deeply a text nests and how often a parser will read it, before any parser reads it.
//!
//! oxc is recursive without a limit of its own, and where TypeScript is ambiguous (`a<b`, `(a = …`) it tries one reading
//! and falls back to the other: 1 MiB of `(` overflows any sensible stack, and 150 bytes of `(a=a<[(a=a<[…` take minutes
//! (each further unit multiplies the time by 2.7). It has no hook to stop it, so a scan over the tokens bounds both
//! beforehand. The scan needs no memory but for the open brackets, and about 4 ns a byte.
//!
//! **Depth** is the sum over all open brackets of one plus the operators since the last point where everything at that
//! level has ended (`;`, `,`, a line break that ends a statement). Operators that a parser handles in a loop (`a + b`,
//! `a.b`) do not count. Estimates are too high rather than too low; ordinary scripts come to 10 to 40.
//!
//! **Work** is the number of token visits. Every level with an open `<` may be read as type arguments and as a
//! comparison, which multiplies (by 2.1 to 2.7 as measured with random texts; taken as 3); several `<` at one level and
//! open parentheses that could be arrow parameters only add.
//!
//! A slash is a division or begins a regular expression, which only a parser knows for sure. Where the token before it
//! does not decide (`}` above all) and the readings differ, the rest of the text counts as if nothing in it ever closed:
//! a text cannot hide nesting from the scan by making it lose its place.

/// Deepest nesting that is parsed. V8's own parser gives up near there too, with its default stack of 1 MB.
pub(super) const MAX_DEPTH: usize = 1_000;

/// Most token visits. One costs about 0.1 µs in a release build, so a text at the limit takes about a second; 1 MiB of
/// dense ordinary code comes to 2 million.
pub(super) const MAX_WORK: u64 = 10_000_000;

/// What the scan found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nesting {
    /// The deepest level.
    pub depth: usize,
    /// Where that is, as a byte offset.
    pub deepest: usize,
    /// Token visits.
    pub work: u64,
    /// Where `work` passed [`MAX_WORK`], as a byte offset.
    pub overworked: Option<usize>,
}

/// Measures `text`. Stops as soon as a limit is passed.
pub(super) fn measure(text: &str) -> Nesting {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        at: 0,
        levels: vec![Level::new(Bracket::Top)],
        depth: 0,
        speculative_levels: 0,
        angles: 0,
        heads: 0,
        before: Before::Start,
        newline: false,
        found: Nesting::default(),
    };
    scan.run();
    scan.found
}

mod skip;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Top,
    Round { control: bool, arrow: bool },
    Square,
    Curly,
    Template,
}

struct Level {
    bracket: Bracket,
    /// Operators that have not ended.
    chain: usize,
    /// `<` that have not met their `>`; each is in `chain` too.
    angles: usize,
}

impl Level {
    fn new(bracket: Bracket) -> Self {
        Self { bracket, chain: 0, angles: 0 }
    }
}

/// The token before the current one, as far as it decides what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Start,
    /// A value: a slash after it divides.
    Operand,
    /// An operator or opening bracket: a slash after it begins a regular expression.
    Operator,
    /// A keyword that takes an operand, such as `typeof`.
    Keyword,
    /// A word that may be a keyword or a name or a type, such as `of` and `void`.
    DoubtfulWord,
    /// `if`, `for`, `while`, `with`: the parenthesis that follows is no call.
    Control,
    /// The `)` of one of those.
    ControlEnd,
    /// `}`, of a block or of an object.
    CurlyEnd,
    /// `>`, of type arguments or a comparison.
    AngleEnd,
    /// `.` and `?.`: the next word is a name.
    Dot,
    Semicolon,
}

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
/// Of those, the ones that are plain names as well, so that a slash after them is in doubt; and `void`, `of` and the
/// like, which are values or types elsewhere.
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
/// Words that continue what stands before them even on a new line or after `;` and `}`.
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

struct Scan<'s> {
    text: &'s str,
    bytes: &'s [u8],
    at: usize,
    levels: Vec<Level>,
    depth: usize,
    /// Levels with an open `<`.
    speculative_levels: u32,
    /// All open `<`.
    angles: u64,
    /// Open parentheses that could be an arrow function's parameters.
    heads: u64,
    before: Before,
    newline: bool,
    found: Nesting,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            match byte {
                b'\n' | b'\r' => {
                    self.newline = true;
                    self.at += 1;
                    continue;
                }
                b' ' | b'\t' | 0x0b | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'/' if self.peek(1) == b'/' => {
                    self.skip_line();
                    continue;
                }
                b'/' if self.peek(1) == b'*' => {
                    self.skip_block_comment();
                    continue;
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'$' | b'#' | b'\\' => self.word(),
                b'0'..=b'9' => {
                    self.skip_name();
                    self.operand();
                }
                0x80.. => {
                    let c = self.char();
                    if matches!(c, '\u{2028}' | '\u{2029}') {
                        self.newline = true;
                    } else if !c.is_whitespace() && c != '\u{feff}' {
                        self.word();
                        self.count(start);
                        if self.done() {
                            return;
                        }
                        self.newline = false;
                        continue;
                    }
                    self.at += c.len_utf8();
                    continue;
                }
                b'"' | b'\'' => {
                    self.settle();
                    self.skip_string(byte);
                    self.operand();
                }
                b'`' => {
                    self.settle();
                    self.at += 1;
                    self.template_text();
                }
                b'/' => {
                    self.settle();
                    if !self.slash() {
                        self.count_rest();
                        return;
                    }
                }
                _ => {
                    self.punctuation(byte);
                    // Whatever a branch above forgets to step over must not hold up the scan.
                    self.at = self.at.max(start + 1);
                }
            }
            self.newline = false;
            self.count(start);
            if self.done() {
                return;
            }
        }
    }

    fn done(&self) -> bool {
        self.found.depth > MAX_DEPTH || self.found.overworked.is_some()
    }

    /// Takes note of the depth and the work of a token.
    fn count(&mut self, start: usize) {
        if self.depth > self.found.depth {
            self.found.depth = self.depth;
            self.found.deepest = start;
        }
        let readings =
            3u64.saturating_pow(self.speculative_levels).saturating_mul(1 + self.angles) + self.heads;
        self.found.work = self.found.work.saturating_add(readings);
        if self.found.work > MAX_WORK && self.found.overworked.is_none() {
            self.found.overworked = Some(start);
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The character here; a blank in the middle of one.
    fn char(&self) -> char {
        self.text.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or(' ')
    }

    fn top(&mut self) -> &mut Level {
        // The bottom level is never popped.
        self.levels.last_mut().expect("a bottom level")
    }

    fn operand(&mut self) {
        self.settle();
        self.before = Before::Operand;
    }

    fn operator(&mut self, counts: bool) {
        if counts {
            self.top().chain += 1;
            self.depth += 1;
        }
        self.before = Before::Operator;
    }

    /// Everything at this level has ended.
    fn reset(&mut self) {
        let level = self.top();
        let (chain, angles) = (level.chain, level.angles);
        level.chain = 0;
        level.angles = 0;
        self.depth -= chain;
        if angles > 0 {
            self.speculative_levels -= 1;
            self.angles -= angles as u64;
        }
    }

    /// After `;` the statement has ended, unless the next token is `else` or `while`, which `word` looks at first.
    fn settle(&mut self) {
        if self.before == Before::Semicolon {
            self.reset();
            self.before = Before::Operator;
        }
    }

    fn push(&mut self, bracket: Bracket) {
        if matches!(bracket, Bracket::Round { arrow: true, .. }) {
            self.heads += 1;
        }
        self.levels.push(Level::new(bracket));
        self.depth += 1;
        self.before = Before::Operator;
    }

    fn pop(&mut self) {
        self.reset();
        if let Some(level) = self.levels.pop() {
            self.depth -= 1;
            if matches!(level.bracket, Bracket::Round { arrow: true, .. }) {
                self.heads -= 1;
            }
        }
    }

    fn word(&mut self) {
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

    fn punctuation(&mut self, byte: u8) {
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
                // Between type arguments nothing has ended yet.
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
            // After a value: TypeScript's non-null mark.
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

    /// A slash that begins no comment. `false` when the scan cannot tell what it is and it matters.
    fn slash(&mut self) -> bool {
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
                // A regular expression ends on its line. If there is no second slash this divides; and if what lies
                // between would be skipped or read as code with the same outcome it does not matter.
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

    /// Counts what is left as if every token in it opened something.
    fn count_rest(&mut self) {
        let mut in_word = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            let word = byte.is_ascii_alphanumeric() || byte >= 0x80;
            if byte == b'<' {
                self.push(Bracket::Square);
                self.top().angles = 1;
                self.speculative_levels += 1;
                self.angles += 1;
            } else if word && in_word || byte.is_ascii_whitespace() {
            } else {
                self.depth += 1;
            }
            in_word = word;
            self.count(start);
            if self.done() {
                return;
            }
        }
    }
}
