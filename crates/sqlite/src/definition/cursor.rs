use super::token::Token;

/// A place in a statement's tokens, from which they are taken one after the other.
pub(super) struct Cursor<'a> {
    /// What is still to be read.
    pub(super) tokens: &'a [Token<'a>],
}

impl<'a> Cursor<'a> {
    /// The tokens between a bracket here and the one that closes it.
    pub(super) fn brackets(&mut self) -> Option<&'a [Token<'a>]> {
        let mut depth = 0_i32;
        for (index, token) in self.tokens.iter().enumerate() {
            if token.is("(") {
                depth += 1;
            } else if token.is(")") {
                depth -= 1;
            }
            if depth == 0 {
                let inner = self.tokens.get(1..index)?;
                self.tokens = &self.tokens[index + 1..];
                return Some(inner);
            }
        }
        None
    }

    /// Takes the next token.
    pub(super) fn advance(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes the next token if it is that word.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let here = self.tokens.first().is_some_and(|token| token.is(word));
        if here {
            self.advance();
        }
        here
    }

    /// Takes that word, or gives up.
    pub(super) fn expect(&mut self, word: &str) -> Option<()> {
        self.take(word).then_some(())
    }

    /// Whether the token after the next one is that word.
    pub(super) fn second_is(&self, word: &str) -> bool {
        self.tokens.get(1).is_some_and(|token| token.is(word))
    }
}
