//! Bounds the depth of a text and the work of parsing it, before a parser reads it.
//!
//! oxc is recursive without a limit of its own, and where TypeScript is ambiguous (`a<b`, `(a = …`)
//! it tries one reading and falls back to the other: 1 MiB of `(` overflows any reasonable stack,
//! and 150 bytes of `(a=a<[(a=a<[…` take minutes (each further unit multiplies the time by 2.7). It
//! cannot be stopped, so a scan over the tokens bounds both beforehand. The scan needs memory only
//! for the open brackets, and about 4 ns a byte.
//!
//! **Depth** is needed with every isolation: a stack overflow ends the process. It is the sum over
//! all open brackets of one plus the operators since the last point where everything at that level
//! has ended (`;`, `,`, a line break that ends a statement). Operators that a parser handles in a
//! loop (`a + b`, `a.b`) do not count. Estimates are too high rather than too low; ordinary scripts
//! have 10 to 40.
//!
//! **Work** is needed where the parser runs in the server's process and no limit on CPU time can
//! stop it: with `--isolation thread` and in `isolet dev`. It is the number of token visits. Every
//! level with an open `<` may be read as type arguments and as a comparison, which multiplies (by
//! 2.1 to 2.7 as measured with random texts; taken as 3); several `<` at one level and open
//! parentheses that could be arrow parameters only add.
//!
//! A slash is a division or begins a regular expression, which only a parser knows for sure. If the
//! token before it does not decide (`}` above all) and the readings differ, the rest of the text
//! counts as if nothing in it were ever closed, so that a text cannot hide nesting by confusing the
//! scan.
//!
//! | module | contents |
//! |---|---|
//! | `tokens` | the effect of words, punctuation and slashes |
//! | `skip` | names, comments, strings, templates, regular expressions |

/// The deepest nesting that is parsed. V8's own parser stops near it too, with its default stack of
/// 1 MB.
pub(super) const MAX_DEPTH: usize = 1_000;

/// The largest number of token visits. One takes about 0.1 µs in a release build, so that a text at
/// the limit takes about a second; 1 MiB of dense ordinary code has 2 million.
pub(super) const MAX_WORK: u64 = 10_000_000;

/// The result of the scan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nesting {
    /// The deepest level.
    pub depth: usize,
    /// The byte offset of the deepest level.
    pub deepest: usize,
    /// The number of token visits.
    pub work: u64,
    /// The byte offset at which `work` passed [`MAX_WORK`].
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
mod tokens;

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
    /// The number of operators that have not ended.
    chain: usize,
    /// The number of `<` without their `>`. Each is in `chain` too.
    angles: usize,
}

impl Level {
    fn new(bracket: Bracket) -> Self {
        Self { bracket, chain: 0, angles: 0 }
    }
}

/// The kind of the previous token, as far as it affects the next one.
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
    /// `if`, `for`, `while`, `with`: the parenthesis that follows is not a call.
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

struct Scan<'s> {
    text: &'s str,
    bytes: &'s [u8],
    at: usize,
    levels: Vec<Level>,
    depth: usize,
    /// The number of levels with an open `<`.
    speculative_levels: u32,
    /// The number of all open `<`.
    angles: u64,
    /// The number of open parentheses that can be an arrow function's parameters.
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
                    // Every token advances the scan, so that it cannot loop.
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

    /// Counts the depth and the work of a token.
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

    /// Returns the character at the current offset, or a blank in the middle of one.
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

    /// Ends everything at this level.
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

    /// Ends the statement after `;`. `word` checks for `else` and `while` before.
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

    /// Counts the rest of the text as if every token in it opened a bracket.
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
