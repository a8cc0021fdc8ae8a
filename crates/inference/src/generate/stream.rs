//! Tokens → text in pieces that are whole characters and never part of a stop string.

use tokenizers::Tokenizer;

/// Collects a text as its tokens come.
pub(super) struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    stops: &'a [String],
    tokens: Vec<u32>,
    /// Tokens whose text is settled, and those of it that give the next ones their context (leading spaces).
    settled: usize,
    context: usize,
    text: String,
    /// Bytes of `text` handed out.
    emitted: usize,
}

impl<'a> TextStream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, stops: &'a [String]) -> Self {
        Self {
            tokenizer,
            stops,
            tokens: Vec::new(),
            settled: 0,
            context: 0,
            text: String::new(),
            emitted: 0,
        }
    }

    /// Adds a token; gives the text that can be shown now, and whether a stop string was met.
    pub(super) fn push(&mut self, token: u32) -> (String, bool) {
        self.tokens.push(token);
        let before = self.decode(self.context, self.settled);
        let after = self.decode(self.context, self.tokens.len());
        // An unfinished character decodes to U+FFFD; wait for its other bytes.
        if !after.ends_with('\u{fffd}') && after.len() > before.len() {
            self.text.push_str(after.get(before.len()..).unwrap_or(""));
            self.context = self.settled;
            self.settled = self.tokens.len();
        }
        if let Some(at) = self.first_stop() {
            self.text.truncate(at);
            return (self.release(self.text.len()), true);
        }
        (self.release(self.text.len() - self.held_back()), false)
    }

    /// What was held back, at the end.
    pub(super) fn finish(&mut self) -> String {
        self.release(self.text.len())
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn decode(&self, from: usize, to: usize) -> String {
        self.tokenizer
            .decode(&self.tokens[from..to], true)
            .unwrap_or_default()
    }

    fn release(&mut self, to: usize) -> String {
        let from = self.emitted.min(self.text.len());
        let piece = self.text.get(from..to.max(from)).unwrap_or("").to_owned();
        self.emitted = from + piece.len();
        piece
    }

    fn first_stop(&self) -> Option<usize> {
        self.stops
            .iter()
            .filter(|s| !s.is_empty())
            .filter_map(|s| self.text.find(s.as_str()))
            .min()
    }

    /// Length of the longest end of the text that may be the beginning of a stop string.
    fn held_back(&self) -> usize {
        let longest = |stop: &String| {
            (1..=stop.len().min(self.text.len()))
                .rev()
                .find(|&n| stop.is_char_boundary(n) && self.text.ends_with(&stop[..n]))
        };
        self.stops.iter().filter_map(longest).max().unwrap_or(0)
    }
}
