//! Skips tokens of any length: names, comments, strings, templates' text, regular expressions.

use super::{Before, Bracket, Scan};

impl Scan<'_> {
    pub(super) fn skip_name(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' | b'#' => self.at += 1,
                b'\\' => {
                    self.at += 1;
                    if self.peek(0) == b'u' && self.peek(1) == b'{' {
                        while !matches!(self.peek(0), b'}' | 0 | b'\n') {
                            self.at += 1;
                        }
                        self.at += usize::from(self.peek(0) == b'}');
                    }
                }
                0x80.. => {
                    let c = self.char();
                    if c.is_whitespace() || c == '\u{feff}' {
                        break;
                    }
                    self.at += c.len_utf8();
                }
                _ => break,
            }
        }
    }

    pub(super) fn skip_line(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if matches!(byte, b'\n' | b'\r') {
                return;
            }
            if byte == 0xe2 && self.peek(1) == 0x80 && matches!(self.peek(2), 0xa8 | 0xa9) {
                return;
            }
            self.at += 1;
        }
    }

    pub(super) fn skip_block_comment(&mut self) {
        self.at += 2;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'*' if self.peek(1) == b'/' => {
                    self.at += 2;
                    return;
                }
                b'\n' | b'\r' => self.newline = true,
                _ => {}
            }
            self.at += 1;
        }
    }

    pub(super) fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => {
                    let crlf = self.peek(1) == b'\r' && self.peek(2) == b'\n';
                    self.at += if crlf { 3 } else { 2 };
                }
                b'\n' | b'\r' => return,
                _ => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
        self.at = self.bytes.len();
    }

    /// Skips the text of a template, from a backtick or the `}` of a substitution to the next
    /// substitution or the end.
    pub(super) fn template_text(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    self.before = Before::Operand;
                    return;
                }
                b'$' if self.peek(1) == b'{' => {
                    self.at += 2;
                    self.push(Bracket::Template);
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.bytes.len();
    }

    pub(super) fn skip_regular_expression(&mut self) {
        self.at += 1;
        let mut class = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' if !matches!(self.peek(1), b'\n' | b'\r') => {
                    self.at += 2;
                    continue;
                }
                b'\n' | b'\r' => return,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
    }
}
